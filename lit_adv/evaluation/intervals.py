"""95 % intervals of shares."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Final, Self

from scipy.stats import t
from torch import Tensor

Z: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval (Wilson 1927).

    Attributes:
        value: share, in [0, 1].
        low: lower bound.
        high: upper bound.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, count: int) -> Self:
        """Returns the share of `count` trials, with its interval."""
        return cls(value, *wilson(value, count))

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.0f}, {100 * self.high:.0f}]"


def wilson(share: float, count: float) -> tuple[float, float]:
    """Returns Wilson's 95 % score interval of a probability (Wilson 1927).

    Args:
        share: share of independent trials that succeeded. The mean over several judges of the same images may be
            given; the interval is then at least as wide as it must be.
        count: number of trials, above 0.
    """
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def two_way_interval(right: Tensor, estimate: float | None = None) -> tuple[float, float]:
    """Returns the 95 % interval of the mean where both groups of models and images are samples.

    Wilson's interval with an effective sample size n = p(1 − p) / (s²_groups/G + s²_images/N), corrected for few
    degrees of freedom (Korn and Graubard 1998). The degrees of freedom are Welch and Satterthwaite's, or those of the
    groups where these vary more. Fewer than three groups count as given, not as a sample.

    Args:
        right: `[groups, images]` in [0, 1]; or, of another estimate, its pseudo-values by the jackknife over images.
        estimate: what the interval is of, in [0, 1]; by default the mean of `right`.

    Returns:
        Both ends; 0 and 1 where a pseudo-value is NaN.
    """
    groups, images = right.shape
    share = float(right.double().mean()) if estimate is None else estimate
    if right.isnan().any():
        return 0.0, 1.0
    if images == 1:
        return wilson(share, 1)
    by_group = float(right.double().mean(1).var()) / groups if groups > 2 else 0.0
    by_image = float(right.double().mean(0).var()) / images
    variance = by_group + by_image
    if variance == 0 or not 0 < share < 1:
        return wilson(share, images)
    freedom = variance**2 / (by_group**2 / max(groups - 1, 1) + by_image**2 / (images - 1))
    if by_group > by_image:
        freedom = groups - 1
    trials = share * (1 - share) / variance
    return wilson(share, trials * (Z / t.ppf(0.975, freedom)) ** 2 if groups > 2 else trials)


def two_way_change_interval(change: Tensor, estimate: float | None = None) -> tuple[float, float]:
    """Returns the 95 % interval of the mean change of a share, in the manner of `two_way_interval`.

    If no image changed: ±u, u the upper Wilson limit of 0 changes in N images.

    Args:
        change: `[groups, images]` in [−1, 1], differences between two measurements of the same image, or between two
            pseudo-values.
        estimate: what the interval is of, in [−1, 1]; by default the mean of `change`.
    """
    if not change.any():
        _, most = wilson(0, change.shape[1])
        return -most, most
    low, high = two_way_interval((change + 1) / 2, None if estimate is None else (estimate + 1) / 2)
    return 2 * low - 1, 2 * high - 1


def percent(right: Tensor) -> tuple[float, float, float]:
    """Returns the mean of `[groups, images]` in percent with the ends of `two_way_interval`, to one decimal."""
    return _in_points(right, two_way_interval(right))


def points(change: Tensor) -> tuple[float, float, float]:
    """Returns the mean change of a share in points with the ends of `two_way_change_interval`, to one decimal."""
    return _in_points(change, two_way_change_interval(change))


def _in_points(values: Tensor, ends: tuple[float, float]) -> tuple[float, float, float]:
    mean, low, high = (round(100 * value, 1) for value in (float(values.double().mean()), *ends))
    return mean, low, high
