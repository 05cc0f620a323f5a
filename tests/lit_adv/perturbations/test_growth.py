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
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.growth import GROUPS, GROWTH, Cells, Growth, levels


def grown(deltas: Tensor, seed: int = 0, without: int | None = None, bits: int = 40) -> Growth:
    """From δ `[m, n, N, C, H, W]`, added in an order of its own; `without` is a model that failed."""
    models, copies, images = deltas.shape[:3]
    cells = Cells(models, copies, seed)
    mean = ExactMean((len(cells) * images, *deltas.shape[3:]), models * copies, bits)
    each = torch.cartesian_prod(torch.arange(models), torch.arange(copies), torch.arange(images))
    each = each[torch.randperm(len(each), generator=torch.Generator().manual_seed(1))]
    for some in each[each[:, 0] != (-1 if without is None else without)].split(7):
        model, copy, image = some.T.contiguous()
        mean.add(cells.cell(model, copy) * images + image, deltas[model, copy, image])
    return Growth.from_mean(cells, mean)


def test_levels() -> None:
    assert levels(100) == [1, 2, 5, 10, 20, 50, 100]
    assert levels(66) == [1, 2, 5, 10, 20, 50, 66]
    assert levels(1) == [1]


@settings(max_examples=20, deadline=None)
@given(models=st.integers(1, 30), copies=st.integers(1, 7), seed=st.integers(0, 9))
def test_averages_are_those_of_the_groups_models_and_first_copies(models: int, copies: int, seed: int) -> None:
    deltas = torch.randn(models, copies, 2, 1, 2, 2, generator=torch.Generator().manual_seed(seed))
    growth = grown(deltas, seed)
    order = growth.cells.order
    assert sorted(order.tolist()) == list(range(models))
    for m, n in growth.sizes():
        groups, averages = growth.cells.groups(m), growth.averages(m, n)
        assert len(averages) == len(groups) == min(GROUPS, models // m)
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
    growth = grown(deltas, bits=bits)
    assert torch.equal(growth.overall().total, plain.total)
    assert torch.equal(growth.averages(12, 3)[0], plain.mean())


def test_groups_that_lack_a_model_are_left_out() -> None:
    deltas = torch.randn(12, 3, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    growth = grown(deltas, without=4)
    place = int(growth.cells.order.argsort()[4])
    assert {m for m, _ in growth.sizes()} == {1, 2, 5, 10, 11}
    for m in (1, 2, 5, 10):
        lacking = sum(place in group for group in growth.cells.groups(m))
        assert len(growth.averages(m, 2)) == len(growth.cells.groups(m)) - lacking
    (rest,) = growth.averages(11, 2)
    assert torch.allclose(rest, deltas[torch.arange(12) != 4, :2].mean((0, 1)), atol=1e-6)


def test_what_is_kept_does_not_grow_with_models_and_copies() -> None:
    assert len(Cells(100, 20, 0)) == 17 * 5
    assert len(Cells(10_000, 1_000, 0)) < 8 * len(Cells(100, 20, 0))


def test_the_order_of_models_is_the_seeds() -> None:
    assert torch.equal(Cells(50, 1, 3).order, Cells(50, 9, 3).order)
    assert not torch.equal(Cells(50, 1, 3).order, Cells(50, 1, 4).order)


def test_kept_on_disk(tmp_path: Path) -> None:
    growth = grown(torch.randn(3, 2, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0)), bits=80)
    checksum = growth.save(tmp_path)
    again = Growth.load(tmp_path, checksum)
    assert again.cells == growth.cells
    assert torch.equal(again.total, growth.total)
    assert torch.equal(again.count, growth.count)
    content = bytearray((tmp_path / GROWTH).read_bytes())
    content[-1] ^= 1
    (tmp_path / GROWTH).write_bytes(content)
    for folder in (tmp_path, tmp_path / "elsewhere"):
        with pytest.raises(InputError, match="is missing or not the file"):
            Growth.load(folder, checksum)


def test_a_file_of_before_there_were_words(tmp_path: Path) -> None:
    growth = grown(torch.randn(3, 2, 2, 1, 2, 2, generator=torch.Generator().manual_seed(0)))
    about = torch.tensor([3, 2, 0])
    save_file({"total": growth.total[0].clone(), "count": growth.count, "cells": about}, tmp_path / GROWTH)
    again = Growth.load(tmp_path, sha256(tmp_path / GROWTH))
    assert torch.equal(again.total, growth.total)
    assert torch.equal(again.overall().mean(), growth.overall().mean())
