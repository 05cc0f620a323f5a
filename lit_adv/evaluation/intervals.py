"""95 % intervals of shares."""

from math import sqrt
from statistics import NormalDist
from typing import Final

from scipy.stats import t
from torch import Tensor

Z: Final = NormalDist().inv_cdf(0.975)


def wilson(share: float, count: float) -> tuple[float, float]:
    """Wilson's score interval of a probability (Wilson 1927).

    Args:
        share: of `count` independent trials that succeeded. It may be the mean over several judges of the same images;
            then the interval is at least as wide as it must be.
        count: how many there were, above 0.
    """
    centre = (share + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def crossed(right: Tensor) -> tuple[float, float]:
    """Interval of the mean where both groups of models and images are samples.

    Wilson's, with as many trials as would give the variance found: that of the groups' means plus that of the images'
    (the noise, which is in both, is counted twice, so that the interval is rather too wide), corrected for the few
    degrees of freedom (Korn and Graubard 1998, with Welch's and Satterthwaite's number of them).

    Args:
        right: `[groups, images]` in [0, 1]. A single group counts as given.
    """
    groups, images = right.shape
    share = float(right.double().mean())
    by_group = float(right.double().mean(1).var()) / groups if groups > 1 else 0.0
    by_image = float(right.double().mean(0).var()) / images
    variance = by_group + by_image
    if groups == 1 or variance == 0:
        return wilson(share, images)
    freedom = variance**2 / (by_group**2 / (groups - 1) + by_image**2 / (images - 1))
    return wilson(share, share * (1 - share) / variance * (Z / t.ppf(0.975, freedom)) ** 2)
