"""The sums of an unfinished run on disk: of each process, and merged over earlier starts."""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.files import atomic_path

State = dict[str, Tensor]
"""`total` and `count` of `ExactMean`; `done` `[batches]` uint8, which batches they hold; `checksum` `[batches]` int64,
what `ExactMean.add` returned for each."""


def save_state(path: Path, state: State) -> None:
    """Writes sums atomically."""
    with atomic_path(path) as temporary:
        save_file(state, temporary)


def load_state(path: Path) -> State:
    """Reads sums.

    Raises:
        InputError: the file is damaged.
    """
    try:
        state = load_file(path)
        if missing := {"total", "count", "done", "checksum"} - state.keys():
            raise SafetensorError(f"it lacks {min(missing)}")
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged: {error}; begin anew with --restart") from error
    return state


def holds_work(partial: Path) -> bool:
    """Whether the sums in `partial` that count have a finished batch in them."""
    try:
        for path in (*_merged(partial), *_since(partial)):
            with safe_open(path, "pt") as state:
                if state.get_tensor("done").any():
                    return True
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged: {error}; begin anew with --restart") from error
    return False


def newest_number(partial: Path) -> int:
    """The number of the newest merged file; 0 where there is none."""
    return max(map(number_of, partial.glob("merged-*.safetensors")), default=0)


def _merged(partial: Path) -> list[Path]:
    return sorted(partial.glob(f"merged-{newest_number(partial)}.safetensors"))


def _since(partial: Path) -> list[Path]:
    return sorted(partial.glob(f"start-{newest_number(partial)}-process-*.safetensors"))


def number_of(merged: Path) -> int:
    """How many merges came before and with this one."""
    return int(merged.stem.removeprefix("merged-"))


def added_up(partial: Path, empty: State, processes: Iterable[Path] | None = None) -> State:
    """The sum of all sums in `partial` that count.

    Each merge has a number, and process files carry the number of the merge that they started from. Only those of the
    newest one count: older ones are in it already, whether or not a crash kept them from being deleted.

    Args:
        partial: the folder.
        empty: sums of the right shapes; their values do not count.
        processes: the process files that there must be; left out, those that are there.

    Raises:
        InputError: a file is missing, damaged, of another run, or repeats batches.
    """
    state = {name: torch.zeros_like(tensor) for name, tensor in empty.items()}
    for path in (*_merged(partial), *(_since(partial) if processes is None else processes)):
        part = load_state(path)
        if {name: t.shape for name, t in part.items()} != {name: t.shape for name, t in state.items()}:
            raise InputError(f"{path} holds sums of another run; begin anew with --restart")
        if (state["done"] & part["done"]).any():
            raise InputError(f"{path} repeats batches of another file; begin anew with --restart")
        for name, tensor in part.items():
            state[name] += tensor
    return state


def merge_states(partial: Path, empty: State, keep: bool = True) -> Path:
    """Adds up all sums in `partial` into one new merged file, deletes what it replaces, and returns its path.

    Args:
        partial: the folder.
        empty: as in `added_up`.
        keep: False begins anew: what is there is deleted, and only the number goes on, so that a process which is left
            over from another start cannot write a file that counts.
    """
    state = added_up(partial, empty) if keep else {name: torch.zeros_like(tensor) for name, tensor in empty.items()}
    merged = partial / f"merged-{newest_number(partial) + 1}.safetensors"
    save_state(merged, state)
    for path in (*partial.glob("*.safetensors"), *partial.glob(".*.tmp"), *partial.parent.glob(".*.tmp")):
        if path != merged:
            path.unlink(missing_ok=True)
    return merged
