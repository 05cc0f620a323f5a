"""Shares of simulated perturbations are recovered, and agree with the analysis of variance."""

from itertools import combinations

import numpy as np
import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.variance_shares import Scalars, copies_apart, shares, shares_without
from tests.lit_adv.perturbations.simulated import grouped, simulated


@pytest.mark.parametrize(
    ("models", "copies", "groups", "scatter"), [(8, 4, 8, 0.0), (12, 3, 4, 0.0), (12, 3, 5, 1.5), (10, 2, 10, 2.0)]
)
def test_known_shares_are_recovered_without_bias(models, copies, groups, scatter):
    common, own = 0.2, 0.3
    made = simulated(
        torch.Generator().manual_seed(1), common=common, model=own, models=models, copies=copies, scatter=scatter
    )
    found = shares(scalars := Scalars.of(grouped(made, groups)))
    model, copy = copies_apart(found, copies)
    for values, truth in ((found.common, common), (model, own), (copy, 1 - common - own)):
        assert abs(values.mean() - truth) < 3.5 * values.std(ddof=1) / len(values) ** 0.5
    assert (scalars.effective() <= models + 1e-9).all()


def test_with_equal_scales_it_is_the_nested_analysis_of_variance():
    m, n = 7, 3
    made = simulated(torch.Generator().manual_seed(2), common=0.3, model=0.4, models=m, copies=n, images=5)
    made = made / made.norm(dim=3, keepdim=True)
    found = shares(Scalars.of(grouped(made, m)))
    first = (made**2).sum((0, 1, 3)).numpy()
    second = (made.sum(1) ** 2).sum((0, 2)).numpy()
    third = (made.sum((0, 1)) ** 2).sum(1).numpy()
    copy = (first - second / n) / (m * (n - 1))
    model = ((second / n - third / (m * n)) / (m - 1) - copy) / n
    common = third / (m * n) ** 2 - model / m - copy / (m * n)
    np.testing.assert_allclose(found.common, common, rtol=1e-9)
    np.testing.assert_allclose(copies_apart(found, n), (model, copy), rtol=1e-9)


def test_without_a_group_it_is_that_of_the_others():
    made = simulated(torch.Generator().manual_seed(3), common=0.3, model=0.4, models=6, copies=2, images=4, scatter=1)
    found = shares_without(Scalars.of(grouped(made, 3)))
    others = shares(Scalars.of(grouped(made[[0, 1, 4, 5]], 2)))
    np.testing.assert_allclose(found.common[:, 1], others.common, rtol=1e-9)
    np.testing.assert_allclose(found.own[:, 1], others.own, rtol=1e-9)


def test_scale_of_an_image_says_nothing():
    made = simulated(torch.Generator().manual_seed(4), common=0.3, model=0.4, models=6, copies=2, images=4)
    one, other = (shares(Scalars.of(grouped(made * factor, 3))) for factor in (1, 1e-25))
    np.testing.assert_allclose(one.common, other.common, rtol=1e-9)


def test_zeros_are_nothing_known_and_silent_models_are_as_if_not_there():
    made = simulated(torch.Generator().manual_seed(5), common=0.3, model=0.4, models=6, copies=2, images=3)
    made[:, :, 0] = 0
    made[1:, :, 1] = 0
    made[4:, :, 2] = 0
    found = shares(scalars := Scalars.of(grouped(made, 6)))
    assert np.isnan(found.common).tolist() == [True, True, False]
    few = shares(Scalars.of(grouped(made[:4], 4)))
    np.testing.assert_allclose([found.common[2], found.own[2]], [few.common[2], few.own[2]], rtol=1e-9)
    assert np.isnan(scalars.effective()[0])
    assert scalars.effective()[1] == pytest.approx(1)


def test_fewer_models_are_worth_what_subsets_of_them_are_on_average():
    made = simulated(torch.Generator().manual_seed(9), common=0.3, model=0.4, models=8, copies=2, images=3, scatter=1)
    scalars = Scalars.of(grouped(made, 8))
    subsets = [scalars.scales[:, list(few)] for few in combinations(range(8), 3)]
    first = np.mean([few.sum(1) ** 2 for few in subsets], 0)
    second = np.mean([(few**2).sum(1) for few in subsets], 0)
    np.testing.assert_allclose(scalars.effective(3), first / second)
    assert scalars.effective(1).tolist() == [1, 1, 1]


def test_one_copy_leaves_model_and_copy_together():
    made = simulated(torch.Generator().manual_seed(6), common=0.3, model=0.4, models=6, copies=1, images=3)
    assert np.isnan(copies_apart(shares(Scalars.of(grouped(made, 6))), 1)).all()


def test_one_group_is_refused():
    made = simulated(torch.Generator().manual_seed(7), common=0.3, model=0.4, models=3, copies=1, images=2)
    with pytest.raises(InputError, match="two groups"):
        Scalars.of(grouped(made, 1))


def test_joined_parts_are_the_whole():
    made = simulated(torch.Generator().manual_seed(8), common=0.3, model=0.4, models=4, copies=2, images=5)
    whole = shares(Scalars.of(grouped(made, 2)))
    parts = shares(Scalars.joined(Scalars.of(grouped(made[:, :, rows], 2)) for rows in (slice(0, 2), slice(2, 5))))
    np.testing.assert_array_equal(whole.common, parts.common)


def test_the_number_of_threads_changes_no_bit():
    made = simulated(
        torch.Generator().manual_seed(10), common=0.3, model=0.4, models=4, copies=2, images=3, pixels=20000
    )
    sums, threads = grouped(made, 4), torch.get_num_threads()
    try:
        found = []
        for number in (1, 3):
            torch.set_num_threads(number)
            found.append(Scalars.of(sums))
    finally:
        torch.set_num_threads(threads)
    for name in ("norms", "with_total", "scales"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))
