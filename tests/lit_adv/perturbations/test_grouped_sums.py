"""Grouped sums: those of each model stand in the models' order, whatever the order of the groups."""

from dataclasses import replace

import pytest
import torch

from lit_adv.errors import InputError
from tests.lit_adv.perturbations.simulated import grouped


def test_sums_of_models_are_in_their_order():
    perturbations = torch.randn(5, 2, 3, 7, dtype=torch.float64)
    sums, order = grouped(perturbations, 5), torch.tensor([3, 0, 4, 2, 1])
    dealt_out = replace(sums, total=sums.total[order], models=tuple(sums.models[place] for place in order))
    assert torch.equal(dealt_out.of_models.flatten(2), perturbations.sum(1))


def test_groups_of_several_are_refused():
    with pytest.raises(InputError, match="sums of 3 groups of source models are not those of each"):
        _ = grouped(torch.randn(5, 2, 3, 7, dtype=torch.float64), 3).of_models
