"""Intervals against known values, other libraries and simulation."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, ttest_rel

from lit_adv.evaluation.auc import mean_auc, pseudo_values
from lit_adv.evaluation.intervals import percent, points, two_way_change_interval, two_way_interval, wilson


@given(count=st.integers(1, 500), data=st.data())
def test_wilson_against_scipy(count: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, count))
    expected = binomtest(successes, count).proportion_ci(method="wilson")
    assert wilson(successes / count, count) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_few_groups_count_as_given() -> None:
    right = (torch.arange(100) < 37).double()[None]
    assert two_way_interval(right) == pytest.approx(wilson(0.37, 100), abs=0.001)
    assert two_way_interval(right.expand(2, -1)) == two_way_interval(right)
    assert two_way_interval(torch.ones(5, 10)) == wilson(1, 10)
    assert two_way_interval(torch.ones(5, 1)) == wilson(1, 1)


def test_percent_and_points_are_the_same_intervals_a_hundred_times() -> None:
    right = (torch.arange(120).reshape(3, 40) % 7 < 3).float()
    assert percent(right)[1:] == pytest.approx([100 * end for end in two_way_interval(right)], abs=0.05)
    assert percent(right)[0] == pytest.approx(100 * float(right.mean()), abs=0.05)
    change = right - right.roll(1, 1)
    assert points(change)[1:] == pytest.approx([100 * end for end in two_way_change_interval(change)], abs=0.05)


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
@pytest.mark.parametrize(("groups", "images", "spread"), [(3, 100, 0.3), (5, 20, 0.3), (5, 100, 0.0), (5, 100, 1.0)])
def test_intervals_hold_the_true_share(groups: int, images: int, spread: float, share: float) -> None:
    """Groups and images with effects of their own: 19 of 20 intervals hold the share of all; none is vast."""
    generator = np.random.default_rng(0)
    score = norm.ppf(share) * np.sqrt(2 + spread**2)
    held, widths = 0, []
    for _ in range(400):
        of_group, of_image = spread * generator.standard_normal((groups, 1)), generator.standard_normal((1, images))
        right = generator.standard_normal((groups, images)) + of_group + of_image < score
        low, high = two_way_interval(torch.from_numpy(right))
        held += low <= share <= high
        widths.append(high - low)
    assert held >= 0.92 * 400
    variance = share * (1 - share) * (1 / images + spread**2 / groups)
    assert np.mean(widths) < 1.6 * 2 * 1.96 * np.sqrt(variance)


def test_a_change_is_paired() -> None:
    """Near the t-interval of differences; far narrower than two intervals side by side where images agree."""
    generator = torch.Generator().manual_seed(0)
    before = (torch.rand(400, generator=generator) < 0.5).double()
    after = torch.where(torch.rand(400, generator=generator) < 0.1, 1.0, before)
    expected = ttest_rel(after, before).confidence_interval()
    low, high = two_way_change_interval((after - before)[None])
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.002)
    unpaired = wilson(float(after.mean()), 400)
    assert high - low < 0.5 * (unpaired[1] - unpaired[0])
    assert two_way_change_interval((before - after)[None]) == pytest.approx((-high, -low))
    assert low < 0.05 < high


def test_no_change_of_many_images_is_a_small_one() -> None:
    for images in (1, 20):
        most = wilson(0, images)[1]
        assert two_way_change_interval(torch.zeros(1, images)) == (-most, most)


def test_intervals_of_areas_hold_the_true_one() -> None:
    """Five judges that tell ten classes apart more or less well; classes' pictures are easy or hard for all of them."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(10)
    wanted = classes.repeat_interleave(6)
    true = float(norm.cdf(1 / np.sqrt(2 * (1 + 0.25) + 0.2**2)))
    held, widths = 0, []
    for _ in range(150):
        signal = 1 + 0.2 * torch.randn(5, 1, 1, generator=generator)
        shared = torch.randn(1, 60, 10, generator=generator)
        own = 0.5 * torch.randn(5, 60, 10, generator=generator)
        logits = signal * torch.nn.functional.one_hot(wanted, 10) + shared + own
        found = [mean_auc(one, classes, wanted) for one in logits]
        pseudo = torch.stack([pseudo_values(one, classes, wanted) for one in logits])
        low, high = two_way_interval(pseudo, sum(found) / 5)
        held += low <= true <= high
        widths.append(high - low)
    assert held >= 0.9 * 150
    assert np.mean(widths) < 0.25


def test_an_unknown_area_has_the_whole_interval() -> None:
    assert two_way_interval(torch.tensor([[0.5, float("nan"), 0.5]]), 0.5) == (0, 1)
