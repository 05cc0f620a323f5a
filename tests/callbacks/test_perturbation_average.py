"""Sums of several processes and starts merge without loss or double counting."""

from pathlib import Path

import pytest
import torch

from callbacks.perturbation_average import (
    State,
    compare,
    describe_shares,
    holds_work,
    merge_states,
    merged_file,
    save_state,
    setting,
)
from lit_adv.errors import InputError


def state(value: int, *batches: int) -> State:
    done = torch.zeros(6, dtype=torch.uint8)
    done[list(batches)] = 1
    return {"total": torch.full((2, 1, 2, 2), value), "count": torch.tensor([value, value]), "done": done}


def merged(partial: Path) -> State:
    from safetensors.torch import load_file

    returned = merge_states(partial, state(0))
    path = merged_file(partial)
    assert path is not None
    assert list(partial.iterdir()) == [path]
    assert all(torch.equal(tensor, returned[name]) for name, tensor in load_file(path).items())
    return returned


def test_what_each_process_did_and_how_unevenly() -> None:
    first = {"process": 0, "batches": 3, "perturbations": 30, "seconds": 12.0, "in_batches": 9.0}
    second = {"process": 1, "batches": 2, "perturbations": 20, "seconds": 8.0, "in_batches": 8.0}
    idle = {"process": 1, "batches": 0, "perturbations": 0, "seconds": 0.0, "in_batches": 0.0}
    assert describe_shares([first, second]) == [
        "process 0: 3 batches, 30 perturbations, 12 s, 75 % of them in its batches",
        "process 1: 2 batches, 20 perturbations, 8 s, 100 % of them in its batches",
        "imbalance: the slowest took 20 % longer than the mean",
    ]
    assert describe_shares([first]) == ["process 0: 3 batches, 30 perturbations, 12 s, 75 % of them in its batches"]
    assert describe_shares([idle]) == []


def test_processes_then_starts_add_up(tmp_path: Path) -> None:
    save_state(tmp_path / "start-0-process-0.safetensors", state(1, 0))
    save_state(tmp_path / "start-0-process-1.safetensors", state(10, 3, 4))
    first = merged(tmp_path)
    assert first["total"].unique().tolist() == [11]
    save_state(tmp_path / "start-1-process-0.safetensors", state(100, 1, 2, 5))
    second = merged(tmp_path)
    assert second["total"].unique().tolist() == [111]
    assert second["count"].tolist() == [111, 111]
    assert second["done"].all()


def test_a_crash_before_deleting_counts_nothing_twice(tmp_path: Path) -> None:
    save_state(tmp_path / "start-0-process-0.safetensors", state(1, 0))
    merged(tmp_path)
    save_state(tmp_path / "start-0-process-0.safetensors", state(1, 0))
    assert merged(tmp_path)["total"].unique().tolist() == [1]


def test_repeated_batches_are_refused(tmp_path: Path) -> None:
    save_state(tmp_path / "start-0-process-0.safetensors", state(1, 0))
    save_state(tmp_path / "start-0-process-1.safetensors", state(1, 0))
    with pytest.raises(InputError, match="repeats batches"):
        merge_states(tmp_path, state(0))


def test_nothing_to_merge(tmp_path: Path) -> None:
    assert merged(tmp_path)["count"].tolist() == [0, 0]
    # Each start has its own number, so that a process left over from an earlier one cannot be mistaken for a new one.
    save_state(tmp_path / "start-0-process-1.safetensors", state(5, 1))
    assert merged(tmp_path)["count"].tolist() == [0, 0]


def test_beginning_anew_keeps_the_number_going(tmp_path: Path) -> None:
    save_state(tmp_path / "merged-3.safetensors", state(5, 1))
    save_state(tmp_path / "start-3-process-0.safetensors", state(7, 2))
    assert merge_states(tmp_path, state(0), keep=False)["count"].tolist() == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["merged-4.safetensors"]


def test_what_counts_as_work(tmp_path: Path) -> None:
    assert not holds_work(tmp_path)
    save_state(tmp_path / "merged-2.safetensors", state(0))
    (tmp_path / "start-0-process-0.safetensors").write_bytes(b"left over from a crash, and damaged")
    save_state(tmp_path / "start-1-process-0.safetensors", state(7, 2))
    assert not holds_work(tmp_path)
    save_state(tmp_path / "start-2-process-1.safetensors", state(7, 2))
    assert holds_work(tmp_path)
    (tmp_path / "merged-2.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"merged-2.safetensors is damaged"):
        holds_work(tmp_path)


def test_settings() -> None:
    assert [setting(1, 0), setting(1, 0.2), setting(3, 0), setting(3, 0.2)] == ["SM", "NSM", "MM", "NMM"]


def test_compare_names_what_differs() -> None:
    there = {"attack": {"name": "BIM", "epsilon": 0.2}, "copies": 20, "sources": ["a"]}
    assert compare(there, there) == ""
    here = {"attack": {"name": "BIM", "epsilon": 0.1}, "copies": 5, "sources": ["b"]}
    assert compare(there, here) == "attack.epsilon: 0.2 there, 0.1 here; copies: 20 there, 5 here; other sources"
