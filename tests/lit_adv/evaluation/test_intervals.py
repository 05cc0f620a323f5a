"""Intervals against known values, other libraries and simulation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from lit_adv.evaluation.intervals import crossed, wilson


@given(count=st.integers(1, 500), data=st.data())
def test_wilson_against_scipy(count: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, count))
    expected = binomtest(successes, count).proportion_ci(method="wilson")
    assert wilson(successes / count, count) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_one_group_has_wilsons() -> None:
    right = (torch.arange(100) < 37).double()[None]
    assert crossed(right) == wilson(0.37, 100)
    assert crossed(torch.ones(5, 10)) == wilson(1, 10)


@pytest.mark.parametrize(("groups", "images", "spread"), [(5, 100, 0.0), (5, 100, 0.5), (2, 100, 0.3), (5, 20, 0.3)])
def test_intervals_hold_the_true_share(groups: int, images: int, spread: float) -> None:
    """Groups and images with effects of their own: 19 of 20 intervals hold the share of all of them."""
    generator = np.random.default_rng(0)
    score = norm.ppf(0.4) * np.sqrt(2 + spread**2)  # so that the share is 0.4
    held = 0
    for _ in range(400):
        of_group, of_image = spread * generator.standard_normal((groups, 1)), generator.standard_normal((1, images))
        right = generator.standard_normal((groups, images)) + of_group + of_image < score
        low, high = crossed(torch.from_numpy(right))
        held += low <= 0.4 <= high
    assert held >= 0.93 * 400
