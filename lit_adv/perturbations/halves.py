"""Averages over two halves of the groups of models: the cosine that one half predicts, and the measured one."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from lit_adv.perturbations.grouped_sums import GroupedSums, in_parts
from lit_adv.perturbations.jackknife import jackknife
from lit_adv.perturbations.reliability import Grouped
from lit_adv.perturbations.variance_shares import Floats, Scalars, solved

SPLITS: Final = 200
"""Random halves that cosines are the mean over."""
LEAST: Final = 4
"""Groups from which on a half has the two that a prediction needs."""


@dataclass(frozen=True, kw_only=True)
class Halves:
    """Cosines of averages over halves of the groups, means over images and random halves, with 95 % intervals.

    Attributes:
        models: mean number of models in a half.
        predicted: value and both ends, each half by itself saying what an independent one would give.
        measured: likewise, between the two halves.
    """

    models: float
    predicted: tuple[float, float, float]
    measured: tuple[float, float, float]

    @classmethod
    def of(cls, found: Grouped) -> "Halves | None":
        """Returns those of a set; None where it has fewer than `LEAST` groups."""
        if len(found.groups) < LEAST:
            return None
        parts = [
            (gram(part), Scalars.of(part))
            for part in in_parts(found.grouped, len(found.image), len(found.groups), found.image[0].numel())
        ]
        products, scalars = np.concatenate([one for one, _ in parts]), Scalars.joined(one for _, one in parts)
        of_groups, second = scalars.group_scales
        sizes, groups = np.array([len(group) for group in scalars.models], dtype=np.float64), len(scalars.models)
        left = [np.delete(np.arange(groups), k) for k in range(groups)]
        predictions = [
            predicted(products[:, kept][:, :, kept], of_groups[:, kept], second[:, kept], scalars.copies)
            for kept in (np.arange(groups), *left)
        ]
        measurements = [measured(products[:, kept][:, :, kept]) for kept in (np.arange(groups), *left)]
        return cls(
            models=float(sizes.mean() * (groups // 2)),
            predicted=with_interval(predictions[0], np.array(predictions[1:]), sizes),
            measured=with_interval(measurements[0], np.array(measurements[1:]), sizes),
        )


def gram(sums: GroupedSums) -> Floats:
    """Returns ⟨G_k, G_l⟩ of each image `[N, K, K]`."""
    rows = sums.total.flatten(2).transpose(0, 1)
    found: Floats = torch.bmm(rows, rows.transpose(1, 2)).numpy()
    return found


def measured(products: Floats, size: int | None = None) -> float:
    """Returns the mean cosine of sums over two disjoint random sets of groups.

    Args:
        products: ⟨G_k, G_l⟩ of each image `[N, K, K]`.
        size: groups in a set; half of them where it is None, or more than that.
    """
    first, second = _halves(products.shape[1], size)
    of_both, of_first, of_second = (
        np.einsum("rk,nkl,rl->nr", a, products, b, optimize=True)
        for a, b in ((first, second), (first, first), (second, second))
    )
    size_of_both = np.sqrt(of_first * of_second)
    return float((of_both[size_of_both > 0] / size_of_both[size_of_both > 0]).mean())


def predicted(products: Floats, of_groups: Floats, second: Floats, copies: int) -> float:
    """Returns the mean ρ that random halves of the groups say of themselves.

    Args:
        products: ⟨G_k, G_l⟩ of each image `[N, K, K]`.
        of_groups: the groups' parts in C1 `[N, K]`.
        second: their parts in C2 `[N, K]`.
        copies: n.
    """
    half, _ = _halves(products.shape[1])
    scale, square = of_groups @ half.T, second @ half.T
    total = np.einsum("rk,nkl,rl->nr", half, products, half, optimize=True)
    found = solved(total, np.einsum("nkk->nk", products) @ half.T, scale, of_groups**2 @ half.T, square, copies)
    return float(np.nanmean(found.rho(scale**2 / np.where(square > 0, square, np.nan))))


def with_interval(value: float, without: Floats, sizes: Floats) -> tuple[float, float, float]:
    """Returns a mean cosine and both ends of its interval, from those without each group, with four decimals."""
    low, high = jackknife(np.array([value]), without[None], sizes)
    return round(value, 4), round(float(low[0]), 4), round(float(high[0]), 4)


def _halves(groups: int, size: int | None = None) -> tuple[Floats, Floats]:
    """Two disjoint random sets of groups, `SPLITS` times: 1 for the groups that are in it, `[SPLITS, K]` each."""
    size = min(size or groups // 2, groups // 2)
    generator = np.random.Generator(np.random.Philox(key=0))
    orders = generator.permuted(np.tile(np.arange(groups), (SPLITS, 1)), axis=1)
    first, second = (np.zeros((SPLITS, groups)) for _ in range(2))
    np.put_along_axis(first, orders[:, :size], 1, 1)
    np.put_along_axis(second, orders[:, size : 2 * size], 1, 1)
    return first, second
