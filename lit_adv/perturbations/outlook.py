"""What other numbers of models and copies would give."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

import numpy as np

from lit_adv.perturbations.variance_shares import Floats, Scalars, Shares, copies_apart, shares, shares_without

TOO_MANY: Final = 10**6
"""More models than these are not named."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What other numbers of models and copies would give, from images that have perturbations.

    Estimates of single images are drawn to their mean by as much as their differences are errors of estimation
    (empirical Bayes).

    Attributes:
        common: S `[N]`.
        model: A `[N]`; 0 from one copy.
        copy: E `[N]`; from one copy A + E.
        further: effective number of models that each further model adds `[N]`; 1 for equal scales.
        separable: whether A and E are known apart.
    """

    common: Floats
    model: Floats
    copy: Floats
    further: Floats
    separable: bool

    @classmethod
    def of(cls, scalars: Scalars) -> "Outlook":
        """Returns that of scalars, of which one image at least has perturbations in two groups."""
        found = shares(scalars)
        there = np.isfinite(found.common)
        model, copy = copies_apart(found, scalars.copies)
        if separable := scalars.copies > 1:
            model, copy = model[there], copy[there]
        else:
            model, copy = np.zeros(int(there.sum())), found.own[there]
        common = found.common[there]
        without = shares_without(scalars).common[there]
        known = np.isfinite(without).all(1)
        error = (without.shape[1] - 1) * float(without[known].var(1).mean()) if known.any() else np.inf
        spread = float(common[known].var(ddof=1)) if known.sum() > 1 else 0.0
        kept = max(0.0, 1 - error / spread) if spread > 0 else 0.0
        return cls(
            common=_drawn(common, kept),
            model=_drawn(model, kept),
            copy=_drawn(copy, kept),
            further=(scalars.effective()[there] - 1) / (scalars.scales.shape[1] - 1),
            separable=separable,
        )

    def rho(self, models: float, copies: int) -> float:
        """Expected cosine of two independent averages over so many models and copies, the mean over the images.

        From one copy only `copies` 1 is known; NaN for others.
        """
        if copies != 1 and not self.separable:
            return float("nan")
        own = np.maximum(self.model, 0) + np.maximum(self.copy, 0) / copies
        return float(Shares(common=self.common, own=own).rho(1 + (models - 1) * self.further).mean())

    def models_for(self, rho: float, copies: int) -> int | None:
        """The least number of models that reach a reliability; None where it is above `TOO_MANY`."""
        low, high = 0, 1
        while not self.rho(high, copies) >= rho:
            low, high = high, 2 * high
            if low > TOO_MANY:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.rho(middle, copies) >= rho else (middle, high)
        return high


def soonest(models: Callable[[int], int | None], best: float, cost: float) -> tuple[int, int] | None:
    """Returns the models m and copies n that take the shortest time, m·(cost + n); None where no number is enough.

    Args:
        models: m that are needed with n copies; None where no number is enough.
        best: the best n, were it no whole number.
        cost: of loading a model, in perturbations.
    """
    choices = [(m, n) for n in (max(1, floor(best)), max(1, ceil(best))) if (m := models(n)) is not None]
    return min(choices, key=lambda choice: (choice[0] * (cost + choice[1]), choice[1]), default=None)


def _drawn(values: Floats, kept: float) -> Floats:
    mean = values.mean()
    drawn: Floats = mean + kept * (values - mean)
    return drawn
