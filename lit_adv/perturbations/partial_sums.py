"""Sums of an unfinished run on disk: one file for each process, and one merged over earlier starts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.files import atomic_path

State = dict[str, Tensor]
"""What `RunSums.state` gives, by the names in `STATE`."""
STATE: Final = ("total", "count", "squares", "norms", "done", "checksum", "zeros")


def save_state(path: Path, state: State) -> None:
    """Writes sums atomically."""
    with atomic_path(path) as temporary:
        save_file(state, temporary)


def load_state(path: Path) -> State:
    """Reads sums.

    Raises:
        InputError: the file is damaged, or of another version of lit-adv.
    """
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged: {error}; begin anew with --restart") from error
    if missing := set(STATE) - state.keys():
        raise InputError(f"{path} is of another version of lit-adv, it lacks {min(missing)}; begin anew with --restart")
    return state


def done_batches(partial: Path) -> int:
    """Returns the number of finished batches in the sums that count.

    Args:
        partial: the folder.

    Raises:
        InputError: a file is damaged.
    """
    done = 0
    try:
        for path in (*_merged(partial), *_since(partial)):
            with safe_open(path, "pt") as state:
                done += int(state.get_tensor("done").sum())
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged: {error}; begin anew with --restart") from error
    return done


def newest_number(partial: Path) -> int:
    """Returns the number of the newest merged file, 0 if there is none."""
    return max(map(number_of, partial.glob("merged-*.safetensors")), default=0)


def _merged(partial: Path) -> list[Path]:
    return sorted(partial.glob(f"merged-{newest_number(partial)}.safetensors"))


def _since(partial: Path) -> list[Path]:
    return sorted(partial.glob(f"start-{newest_number(partial)}-process-*.safetensors"))


def number_of(merged: Path) -> int:
    """Returns the number of a merged file: the merges up to and with this one."""
    return int(merged.stem.removeprefix("merged-"))


def added_up(partial: Path, empty: State, processes: Iterable[Path] | None = None) -> State:
    """Adds up all sums in `partial` that count.

    Merges are numbered, and a process's file bears the number of the merge that it started from. Only files with the
    newest number count: older ones are in the merged file already, even if a crash kept them from being deleted.

    Args:
        partial: the folder.
        empty: sums of the right shapes; their values do not count.
        processes: the processes' files, all of which must be there; None for those that are.

    Raises:
        InputError: a file is missing, damaged, of another run, or repeats batches.
    """
    state = {name: torch.zeros_like(tensor) for name, tensor in empty.items()}
    for path in (*_merged(partial), *(_since(partial) if processes is None else processes)):
        found = load_state(path)
        if {name: t.shape for name, t in found.items()} != {name: t.shape for name, t in state.items()}:
            raise InputError(f"{path} holds sums of another run; begin anew with --restart")
        if (state["done"] & found["done"]).any():
            raise InputError(f"{path} repeats batches of another file; begin anew with --restart")
        for name, tensor in found.items():
            state[name] += tensor
    return state


def merge_states(partial: Path, empty: State, keep: bool = True) -> Path:
    """Adds up all sums in `partial` into one new merged file, deletes what it replaces, and returns its path.

    Args:
        partial: the folder.
        empty: as in `added_up`.
        keep: False begins anew: the sums are deleted. The number goes on, so that a process left over from an earlier
            start cannot write a file that counts.
    """
    state = added_up(partial, empty) if keep else {name: torch.zeros_like(tensor) for name, tensor in empty.items()}
    merged = partial / f"merged-{newest_number(partial) + 1}.safetensors"
    save_state(merged, state)
    for path in (*partial.glob("*.safetensors"), *partial.glob(".*.tmp"), *partial.parent.glob(".*.tmp")):
        if path != merged:
            path.unlink(missing_ok=True)
    return merged
