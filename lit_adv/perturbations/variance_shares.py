"""Shares of perturbations that all models, one model, and one noisy copy are the cause of, for each image.

The model: δ_ij(x) = c_i(x)·(s + a_i + e_ij), where c_i² is the mean over the copies of ‖δ_ij‖², s is common to all
models, a_i to all copies of model i, and e_ij is the copy's own. S = ‖s‖², A = E‖a_i‖² and E = E‖e_ij‖² are in units in
which S + A + E = 1. It assumes that a model's scale c_i says nothing of its direction.

With C1 = Σc_i, C2 = Σc_i² and the sums G_k of K groups of models, T = Σ_k G_k and C1_k the part of group k in C1,

    E‖T‖² = n²[S·C1² + (A + E/n)·C2],    E Σ‖G_k‖² = n²[S·ΣC1_k² + (A + E/n)·C2],

which are solved for S and B = A + E/n. With c_i all equal and groups of one model each this is the analysis of variance
with two nested levels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lit_adv.errors import InputError
from lit_adv.perturbations.grouped_sums import GroupedSums

Floats = NDArray[np.float64]

LEAST: Final = 1e-9
"""Share of pairs of different groups in C1², below which they say nothing."""


@dataclass(frozen=True, kw_only=True)
class Scalars:
    """What the shares are computed from: a few numbers for each image and group, no pixels.

    Attributes:
        norms: `[N, K]` float64, ‖G_k‖².
        with_total: `[N, K]` float64, ⟨G_k, T⟩.
        scales: `[N, m]` float64, c_i.
        models: positions of each group's models.
        copies: n.
    """

    norms: Floats
    with_total: Floats
    scales: Floats
    models: tuple[tuple[int, ...], ...]
    copies: int

    @classmethod
    def of(cls, sums: GroupedSums) -> "Scalars":
        """Reads them from sums, an image at a time; their bits do not depend on the number of threads.

        Raises:
            InputError: there are fewer than two groups.
        """
        if len(sums.models) < 2:
            raise InputError("reliability needs two groups of source models or more; the sums are of one")
        norms, with_total = [], []
        for image in range(sums.total.shape[1]):
            rows = sums.total[:, image].flatten(1).cpu().numpy()
            norms.append(np.einsum("kp,kp->k", rows, rows))
            with_total.append(np.einsum("kp,p->k", rows, rows.sum(0)))
        shape = (-1, len(sums.models))
        return cls(
            norms=np.array(norms, dtype=np.float64).reshape(shape),
            with_total=np.array(with_total, dtype=np.float64).reshape(shape),
            scales=np.sqrt(sums.square_norms.cpu().numpy().T / sums.copies),
            models=sums.models,
            copies=sums.copies,
        )

    @classmethod
    def joined(cls, parts: Iterable["Scalars"]) -> "Scalars":
        """Returns those of consecutive images of one set as one."""
        found = list(parts)
        return cls(
            norms=np.concatenate([part.norms for part in found]),
            with_total=np.concatenate([part.with_total for part in found]),
            scales=np.concatenate([part.scales for part in found]),
            models=found[0].models,
            copies=found[0].copies,
        )

    @property
    def group_scales(self) -> tuple[Floats, Floats]:
        """The parts `[N, K]` of each group in C1 and in C2."""
        of_groups = [self.scales[:, list(group)] for group in self.models]
        return (
            np.stack([scales.sum(1) for scales in of_groups], 1),
            np.stack([(scales**2).sum(1) for scales in of_groups], 1),
        )

    def effective(self, models: float | None = None) -> Floats:
        """Effective number `[N]` of so many models, as many of equal scale being worth as much; by default of these m.

        C1²/C2 of these; of others with such scales, E[C1²]/E[C2] = 1 + (models − 1)·(C1² − C2)/((m − 1)·C2). Between 1,
        where one model has all of it, and `models`; NaN where all scales are 0.
        """
        first, second, m = self.scales.sum(1), (self.scales**2).sum(1), self.scales.shape[1]
        models = m if models is None else models
        found: Floats = 1 + (models - 1) / (m - 1) * _ratio(first**2 - second, second)
        return found


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Estimates for each image, of the whole set, or `[N, K]` of the set without each of its groups.

    They are unbiased, so that S may be below 0 where there is little in common. NaN where fewer than two groups have
    perturbations.

    Attributes:
        common: S.
        own: B = A + E/n.
    """

    common: Floats
    own: Floats

    def rho(self, effective: Floats | float) -> Floats:
        """Expected cosine of two independent averages over n copies and so many effective models: S/(S + B/effective).

        Between −1 and 1; below 0 where S is.
        """
        own = np.maximum(self.own, 0) / effective
        return np.clip(_ratio(self.common, np.maximum(self.common, 0) + own), -1, 1)


def shares(scalars: Scalars) -> Shares:
    """Estimates S and B of each image `[N]`."""
    first, second = scalars.group_scales
    return solved(
        scalars.with_total.sum(1), scalars.norms.sum(1), first.sum(1), (first**2).sum(1), second.sum(1), scalars.copies
    )


def shares_without(scalars: Scalars) -> Shares:
    """Estimates S and B of each image without each group in turn `[N, K]`; NaN where one group is left."""
    first, second = scalars.group_scales
    total = scalars.with_total.sum(1, keepdims=True) - 2 * scalars.with_total + scalars.norms
    return solved(
        total,
        scalars.norms.sum(1, keepdims=True) - scalars.norms,
        first.sum(1, keepdims=True) - first,
        (first**2).sum(1, keepdims=True) - first**2,
        second.sum(1, keepdims=True) - second,
        scalars.copies,
    )


def copies_apart(found: Shares, copies: int, whole: Floats | float = 1.0) -> tuple[Floats, Floats]:
    """Returns A and E; from n = 1 they cannot be told apart, and both are NaN.

    Args:
        found: S and A + E/n.
        copies: n.
        whole: S + A + E: 1 for images; for pixels their part of it.
    """
    if copies == 1:
        unknown = np.full_like(found.own, np.nan)
        return unknown, unknown
    noise = (whole - found.common - found.own) * copies / (copies - 1)
    return found.own - noise / copies, noise


def solved(total: Floats, groups: Floats, first: Floats, within: Floats, second: Floats, copies: int) -> Shares:
    """Solves the two equations, from ‖T‖², Σ‖G_k‖², C1, ΣC1_k² and C2; for a pixel, from its part of the first two."""
    between = first**2 - within
    between = np.where(between > LEAST * first**2, between, 0)
    common = _ratio(total - groups, copies**2 * between)
    return Shares(common=common, own=_ratio(total / copies**2 - common * first**2, second))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient; NaN where the denominator is not above 0."""
    there = denominator > 0
    return np.where(there, numerator / np.where(there, denominator, 1), np.nan)
