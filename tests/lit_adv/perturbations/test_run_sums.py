"""The sums of a process: what is added, taken off again, and put in cells."""

import pytest
import torch
from torch import Tensor

from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.perturbations.run_sums import RunSums

PLAN = WorkPlan(models=6, images=2, copies=2, batch_size=8, stacked=2)
SHAPE = (1, 2, 2)


def batch(number: int) -> ReplicaBatch:
    planned = PLAN.batch(number)
    models = planned.models
    image, copy = (torch.from_numpy(part).repeat(len(models)) for part in (planned.image, planned.copy))
    clean = torch.zeros(len(image), *SHAPE)
    return ReplicaBatch(number, models.start, len(models), image, copy, clean, clean, image, None)


def delta(number: int) -> Tensor:
    return torch.randn(len(batch(number).image), *SHAPE, generator=torch.Generator().manual_seed(number))


def empty(cells: bool) -> RunSums:
    return RunSums(PLAN, SHAPE, Cells(6, 2, 0, 3 if cells else 1, cells), "none", 40)


def filled(growth: bool, numbers: range = range(len(PLAN))) -> RunSums:
    sums = empty(growth)
    for number in numbers:
        sums.add(batch(number), delta(number))
    return sums


def test_cells_add_up_to_the_sums_without_them() -> None:
    plain, cells = filled(growth=False), filled(growth=True)
    total = cells.kept(range(6)).overall()
    assert torch.equal(total.total, plain.mean.total)
    assert total.count.tolist() == plain.mean.count.tolist() == [12, 12]
    assert plain.done.tolist() == [1, 1, 1]


@pytest.mark.parametrize("growth", [False, True])
def test_what_is_taken_off_was_never_added(growth: bool) -> None:
    sums, expected = filled(growth), filled(growth, range(2))
    sums.subtract(batch(2), delta(2))
    for name in ("total", "count", "squares", "norms", "zeros"):
        assert torch.equal(sums.state()[name], expected.state()[name])
    assert sums.done.tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="not bit for bit"):
        sums.subtract(batch(1), delta(1) + 1e-6)
    assert torch.equal(sums.mean.total, expected.mean.total)


def test_a_bad_perturbation_changes_nothing() -> None:
    sums, expected = filled(False, range(1)), filled(False, range(1))
    with pytest.raises(ValueError, match="nan"):
        sums.add(batch(1), delta(1) * torch.nan)
    for name, tensor in expected.state().items():
        assert torch.equal(sums.state()[name], tensor)


def test_saved_sums_go_on() -> None:
    sums = empty(True)
    sums.load({name: tensor.clone() for name, tensor in filled(True, range(2)).state().items()})
    sums.add(batch(2), delta(2))
    for name, tensor in filled(True).state().items():
        assert torch.equal(sums.state()[name], tensor)


def test_zeros_are_counted_for_each_model_and_taken_off_again() -> None:
    sums = filled(False, range(2))
    zero = delta(2)
    zero[[0, 1, 5]] = 0.0
    zero[6] = 2.0**-41  # rounds to 0
    zero[7] = 2.0**-40
    sums.add(batch(2), zero)
    assert sums.zeros.tolist() == [0, 0, 0, 0, 2, 2]
    again = empty(False)
    again.load(sums.state())
    again.subtract(batch(2), zero)
    assert again.zeros.tolist() == [0] * 6
