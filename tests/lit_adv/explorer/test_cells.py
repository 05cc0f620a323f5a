"""Eight bits a pixel are enough: what the page restores is shown as the averages themselves are."""

import numpy as np
import pytest
import torch

from lit_adv.data_sets import DATA_SETS
from lit_adv.explorer.cells import LEVELS, REACH, as_kept, in_steps, shown_statistics
from lit_adv.perturbations.rendering import as_bytes, as_shown
from lit_adv.perturbations.showing import LUMINANCE


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_steps_are_rounded_to_a_fraction_of_what_is_seen(scale: float) -> None:
    delta = scale * torch.randn(5, 3, 16, 16, dtype=torch.float64)
    steps, unit = in_steps(delta, targeted=False)
    restored = torch.from_numpy(steps * unit[:, None, None, None])
    cut = REACH * delta.std((1, 2, 3), correction=0, keepdim=True)
    wrong = (restored - delta.clamp(-cut, cut)).abs() / torch.from_numpy(unit).view(-1, 1, 1, 1)
    assert float(wrong.max()) < 0.51
    data = DATA_SETS["imagenet"]
    seen = [as_bytes(as_shown(one, data.mean, data.std, targeted=False)).astype(int) for one in (delta, restored)]
    assert np.abs(seen[0] - seen[1]).max() <= 2


def test_targeted_ones_keep_their_largest_value() -> None:
    delta = torch.zeros(2, 1, 8, 8, dtype=torch.float64)
    delta[0, 0, 3, 4] = -5
    steps, unit = in_steps(delta, targeted=True)
    assert steps[0, 0, 3, 4] == -LEVELS
    assert unit[0] * LEVELS == pytest.approx(5, rel=1e-6)
    assert not steps[1].any()
    assert np.isfinite(unit).all()


def test_large_pictures_are_kept_in_luminance() -> None:
    delta = torch.rand(2, 3, 4, 4)
    grey = as_kept(delta, grey=True)
    assert grey.shape == (2, 1, 4, 4)
    expected = sum(weight * delta[:, place].double() for place, weight in enumerate(LUMINANCE))
    torch.testing.assert_close(grey[:, 0], expected, atol=1e-6, rtol=0)
    data = DATA_SETS["imagenet"]
    (mean,), (std,) = shown_statistics(data, grey=True)
    assert min(data.mean) < mean < max(data.mean)
    assert min(data.std) < std < max(data.std)
    assert shown_statistics(data, grey=False) == (data.mean, data.std)
