"""Averages over fewer models and copies, from the cells of one run, against plain means of its perturbations."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.files import sha256
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cell_sums import GROWTH, SUMS, CellSums, SumsFile
from lit_adv.perturbations.cells import SETS, Cells, levels
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.manifest import Weight
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.perturbations.run_sums import RunSums


def summed(
    deltas: Tensor,
    seed: int = 0,
    without: int | None = None,
    bits: int = 40,
    groups: int = 1,
    growth: bool = True,
    weight: Weight = "none",
) -> CellSums:
    """From δ `[m, n, N, C, H, W]`, added in an order of its own; `without` is a model that failed."""
    models, copies, images = deltas.shape[:3]
    plan = WorkPlan(models, images, copies, 7)
    cells = Cells(models, copies, seed, groups, growth)
    sums = RunSums(plan, tuple(deltas.shape[3:]), cells, weight, bits)
    for number in torch.randperm(len(plan), generator=torch.Generator().manual_seed(1)).tolist():
        planned = plan.batch(number)
        [model] = planned.models
        image, copy = torch.from_numpy(planned.image), torch.from_numpy(planned.copy)
        clean = torch.zeros(len(image), *deltas.shape[3:])
        if model != without:
            batch = ReplicaBatch(number, model, 1, image, copy, clean, clean, image, None)
            sums.add(batch, deltas[model, copy, image])
    return sums.kept([model for model in range(models) if model != without])


def test_levels() -> None:
    assert levels(100) == [1, 2, 5, 10, 20, 50, 100]
    assert levels(66) == [1, 2, 5, 10, 20, 50, 66]
    assert levels(1) == [1]


@settings(max_examples=20, deadline=None)
@given(models=st.integers(1, 30), copies=st.integers(1, 7), seed=st.integers(0, 9))
def test_averages_are_those_of_the_groups_models_and_first_copies(models: int, copies: int, seed: int) -> None:
    deltas = torch.randn(models, copies, 2, 1, 2, 2, generator=torch.Generator().manual_seed(seed))
    growth = summed(deltas, seed)
    order = growth.cells.order
    assert sorted(order.tolist()) == list(range(models))
    for m, n in growth.sizes():
        groups, averages = growth.cells.sets(m), growth.averages(m, n)
        assert len(averages) == len(groups) == min(SETS, models // m)
        assert len({place for group in groups for place in group}) == m * len(groups)
        for group, average in zip(groups, averages, strict=True):
            members = order[list(group)]
            assert torch.allclose(average, deltas[members, :n].mean((0, 1)), atol=1e-6)


@pytest.mark.parametrize(("bits", "size"), [(40, 1.0), (80, 1.0), (80, 1e-15)])
def test_all_cells_are_the_average_of_eq_4_1_bit_for_bit(bits: int, size: float) -> None:
    deltas = size * torch.randn(12, 3, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    plain = ExactMean((2, 1, 2, 2), 36, bits)
    for model in deltas:
        for copy in model:
            plain.add(torch.arange(2), copy)
    growth = summed(deltas, bits=bits)
    assert torch.equal(growth.overall().total, plain.total)
    assert torch.equal(growth.averages(12, 3)[0], plain.mean())


def test_groups_that_lack_a_model_are_left_out() -> None:
    deltas = torch.randn(12, 3, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    growth = summed(deltas, without=4)
    place = int(growth.cells.order.argsort()[4])
    assert {m for m, _ in growth.sizes()} == {1, 2, 5, 10, 11}
    for m in (1, 2, 5, 10):
        lacking = sum(place in group for group in growth.cells.sets(m))
        assert len(growth.averages(m, 2)) == len(growth.cells.sets(m)) - lacking
    (rest,) = growth.averages(11, 2)
    assert torch.allclose(rest, deltas[torch.arange(12) != 4, :2].mean((0, 1)), atol=1e-6)


def test_what_is_kept_does_not_grow_with_models_and_copies() -> None:
    assert len(Cells(100, 20, 0)) == 1
    assert len(Cells(100, 20, 0, 10)) == 10
    assert len(Cells(100, 20, 0, growth=True)) == 17 * 5
    assert len(Cells(100, 20, 0, 10, growth=True)) == 19 * 5
    assert len(Cells(10_000, 1_000, 0, growth=True)) < 8 * len(Cells(100, 20, 0, growth=True))


def test_the_order_of_models_is_the_seeds() -> None:
    assert torch.equal(Cells(50, 1, 3).order, Cells(50, 9, 3).order)
    assert not torch.equal(Cells(50, 1, 3).order, Cells(50, 1, 4).order)


@settings(max_examples=20, deadline=None)
@given(models=st.integers(2, 23), groups=st.integers(2, 10), growth=st.booleans(), seed=st.none() | st.integers(0, 9))
def test_groups_hold_each_model_once_in_nearly_equal_numbers(
    models: int, groups: int, growth: bool, seed: int | None
) -> None:
    cells = Cells(models, 3, seed, min(groups, models), growth)
    sizes = torch.bincount(cells.group)
    assert len(sizes) == cells.groups
    assert sizes.max() - sizes.min() <= 1
    assert len({int(cells.group[model]) for model in cells.taken[: cells.groups]}) == cells.groups
    place = cells.cell(torch.arange(models).repeat_interleave(3), torch.arange(3).repeat(models)).view(models, 3)
    for group in range(cells.groups):
        own = cells.cells_of(group)
        inside = ((place >= own.start) & (place < own.stop)).all(1)
        assert torch.equal(inside, cells.group == group)


@pytest.mark.parametrize("growth", [False, True])
@pytest.mark.parametrize("without", [None, 4])
def test_an_average_without_a_group_is_that_of_the_other_models(growth: bool, without: int | None) -> None:
    deltas = torch.randn(12, 3, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    sums = summed(deltas, without=without, groups=5, growth=growth)
    kept = torch.tensor(sums.kept)
    assert sorted(place for group in sums.groups for place in group) == list(range(len(kept)))
    for number, group in enumerate(sums.groups):
        others = kept[[place for place in range(len(kept)) if place not in group]]
        mean = sums.without(number)
        assert torch.allclose(mean.mean(), deltas[others].mean((0, 1)), atol=1e-6)
        assert mean.count.tolist() == [3 * len(others)] * 2


@pytest.mark.parametrize(("bits", "size"), [(40, 1.0), (80, 1e-9)])
@pytest.mark.parametrize("growth", [False, True])
def test_grouped_sums_are_those_of_the_perturbations(bits: int, size: float, growth: bool) -> None:
    deltas = size * torch.randn(7, 4, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    sums = summed(deltas, bits=bits, groups=3, growth=growth, without=2).grouped(slice(1, 3))
    deltas = deltas[[model for model in range(7) if model != 2], :, 1:3]
    assert sums.copies == 4
    for total, group in zip(sums.total, sums.models, strict=True):
        assert torch.allclose(total, deltas[list(group)].sum((0, 1)), rtol=1e-6, atol=1e-9 * size)
    norms = deltas.flatten(3).square().sum(3).sum(1)
    assert torch.allclose(sums.square_norms, norms, rtol=1e-9, atol=0)
    assert torch.allclose(sums.squares, deltas.square().sum((0, 1)), rtol=1e-4, atol=1e-3 * size**2)


def test_equal_norms_whatever_the_models_say() -> None:
    deltas = torch.randn(6, 2, 3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    deltas[2, 1, 0] = 0
    scales = torch.tensor([1e-30, 1e-12, 1.0, 1e-3, 50, 1e3]).view(-1, 1, 1, 1, 1, 1)
    expected = deltas / deltas.flatten(3).norm(dim=3).clamp_min(1e-9)[..., None, None, None]
    for one in (deltas, deltas * scales):
        sums = summed(one, groups=3, weight="norm", bits=80)
        assert torch.allclose(sums.overall().mean(), expected.mean((0, 1)), atol=1e-6)
        norms = sums.grouped().square_norms
        assert torch.allclose(norms, (expected != 0).any(5).any(4).any(3).sum(1).double())


def test_no_group_is_left_alone() -> None:
    deltas = torch.randn(2, 1, 1, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    for sums in (summed(deltas), summed(deltas, groups=2, without=1)):
        assert sums.groups == ()
        with pytest.raises(InputError, match="keeps no groups of source models"):
            sums.grouped()


@pytest.mark.parametrize("growth", [False, True])
def test_kept_on_disk(growth: bool, tmp_path: Path) -> None:
    deltas = torch.randn(5, 2, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    sums = summed(deltas, seed=3, bits=80, groups=2, growth=growth, without=1)
    file = SumsFile(tmp_path, sums.save(tmp_path), 3)
    again = file.read()
    assert (again.cells, again.kept, again.groups) == (sums.cells, sums.kept, sums.groups)
    for name in ("total", "count", "squares", "norms"):
        assert torch.equal(getattr(again, name), getattr(sums, name))
    second = file.subset(torch.tensor([1, 0])).subset(torch.tensor([0])).read()
    for mine, whole in zip(vars(second.grouped()).values(), vars(sums.grouped(slice(1, 2))).values(), strict=True):
        assert torch.equal(mine, whole) if isinstance(mine, Tensor) else mine == whole
    content = bytearray((tmp_path / SUMS).read_bytes())
    content[-1] ^= 1
    (tmp_path / SUMS).write_bytes(content)
    for folder in (tmp_path, tmp_path / "elsewhere"):
        with pytest.raises(InputError, match="is missing or not the file"):
            file._replace(folder=folder).read()


def test_a_file_of_before_there_were_groups(tmp_path: Path) -> None:
    sums = summed(torch.randn(3, 2, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0)))
    about = torch.tensor([3, 2, 0])
    for total in (sums.total, sums.total[0]):  # the older had no words
        save_file({"total": total.clone(), "count": sums.count, "cells": about}, tmp_path / GROWTH)
        again = SumsFile(tmp_path, sha256(tmp_path / GROWTH), 0).read()
        assert torch.equal(again.total, sums.total)
        assert torch.equal(again.overall().mean(), sums.overall().mean())
        assert list(again.sizes()) == list(sums.sizes())
        assert again.groups == ()
