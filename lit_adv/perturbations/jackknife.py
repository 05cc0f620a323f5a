"""Jackknife of cosines by groups of unequal size."""

from typing import Final

import numpy as np
from scipy import special

from lit_adv.perturbations.variance_shares import Floats

LEVEL: Final = 0.95
"""Of the intervals."""
ALMOST_ONE: Final = 1 - 1e-9
"""Largest cosine that has a Fisher transform."""


def jackknife(whole: Floats, without: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """95 % interval `[N]` of ρ by the jackknife without groups of unequal size, on Fisher's z.

    Source: Busing, Meijer and van der Leeden, Delete-m jackknife for unequal m, Statistics and Computing 9 (1999).

    Args:
        whole: `[N]`, ρ.
        without: `[N, K]`, ρ from all groups but one.
        sizes: `[K]`, models of the groups.
    """
    z, z_without = (np.arctanh(np.clip(values, -ALMOST_ONE, ALMOST_ONE)) for values in (whole, without))
    h, groups = sizes.sum() / sizes, len(sizes)
    centre = groups * z - ((1 - 1 / h) * z_without).sum(1)
    pseudo = h * z[:, None] - (h - 1) * z_without
    error = np.sqrt(((pseudo - centre[:, None]) ** 2 / (h - 1)).mean(1))
    reach = special.stdtrit(groups - 1, (1 + LEVEL) / 2) * error
    return np.tanh(z - reach), np.tanh(z + reach)
