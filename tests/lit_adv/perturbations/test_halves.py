"""Halves against a loop over all of them; what one half predicts is what is measured with the other."""

from itertools import combinations
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from lit_adv.perturbations.halves import Halves, gram, measured
from tests.lit_adv.perturbations.simulated import grouped, simulated


def of(made: Tensor, groups: int) -> Halves | None:
    sums = grouped(made, groups)
    return Halves.of(SimpleNamespace(groups=sums.models, grouped=lambda _: sums, image=sums.total[0]))


def test_halves_against_all_of_them() -> None:
    made = simulated(torch.Generator().manual_seed(1), common=0.2, model=0.3, models=6, copies=2, images=5, scatter=0.5)
    sums = made.sum(1)
    cosines = []
    for first in combinations(range(6), 3):
        second = [k for k in range(6) if k not in first]
        cosines.append(torch.nn.functional.cosine_similarity(sums[list(first)].sum(0), sums[second].sum(0), dim=1))
    assert measured(gram(grouped(made, 6))) == pytest.approx(float(torch.stack(cosines).mean()), abs=0.01)


def test_one_half_predicts_the_other() -> None:
    made = simulated(torch.Generator().manual_seed(2), common=0.05, model=0.3, models=24, copies=3, scatter=0.5)
    for groups in (24, 8, 7):
        found = of(made, groups)
        assert found is not None
        assert found.models == pytest.approx(24 / groups * (groups // 2))
        assert found.predicted[0] == pytest.approx(found.measured[0], abs=0.01)
        for value, low, high in (found.predicted, found.measured):
            assert low < value < high


def test_images_of_zeros_do_not_count() -> None:
    made = simulated(torch.Generator().manual_seed(3), common=0.2, model=0.3, models=8, copies=2, images=6)
    alone = of(made[:, :, 1:], 8)
    made[:, :, 0] = 0
    assert of(made, 8) == alone


def test_three_groups_are_too_few() -> None:
    made = simulated(torch.Generator().manual_seed(4), common=0.2, model=0.3, models=6, copies=2, images=2)
    assert of(made, 3) is None
