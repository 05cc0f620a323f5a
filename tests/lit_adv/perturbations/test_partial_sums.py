"""Sums of several processes and starts merge without loss or double counting."""

from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.partial_sums import State, added_up, done_batches, load_state, merge_states, save_state


def state(value: int, *batches: int) -> State:
    done = torch.zeros(6, dtype=torch.uint8)
    done[list(batches)] = 1
    total, count = torch.full((2, 1, 2, 2), value), torch.tensor([value, value])
    squares, norms = total.clone(), count.clone()
    more = {"done": done, "checksum": done.long() * value, "zeros": count.clone()}
    return {"total": total, "count": count, "squares": squares, "norms": norms, **more}


def merged(partial: Path) -> State:
    expected = added_up(partial, state(0))
    path = merge_states(partial, state(0))
    assert list(partial.iterdir()) == [path]
    found = load_state(path)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())
    return found


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
    assert second["checksum"].tolist() == [1, 100, 100, 10, 10, 100]
    assert second["zeros"].tolist() == [111, 111]


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
    (tmp_path / ".start-3-process-0.safetensors.77.tmp").write_bytes(b"a save that was killed")
    path = merge_states(tmp_path, state(0), keep=False)
    assert load_state(path)["count"].tolist() == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["merged-4.safetensors"]


def test_what_counts_as_work(tmp_path: Path) -> None:
    assert not done_batches(tmp_path)
    save_state(tmp_path / "merged-2.safetensors", state(0))
    (tmp_path / "start-0-process-0.safetensors").write_bytes(b"left over from a crash, and damaged")
    save_state(tmp_path / "start-1-process-0.safetensors", state(7, 2))
    assert not done_batches(tmp_path)
    save_state(tmp_path / "start-2-process-1.safetensors", state(7, 2))
    assert done_batches(tmp_path)
    (tmp_path / "merged-2.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"merged-2.safetensors is damaged"):
        done_batches(tmp_path)


def test_sums_of_another_version(tmp_path: Path) -> None:
    save_state(tmp_path / "merged-1.safetensors", {"done": torch.zeros(6, dtype=torch.uint8)})
    with pytest.raises(InputError, match=r"another version of lit-adv, it lacks checksum; begin anew with --restart"):
        merge_states(tmp_path, state(0))
