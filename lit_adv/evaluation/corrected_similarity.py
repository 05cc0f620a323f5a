"""Similarity of what models have in common, without what a finite average adds: the thesis's Figure 5.7 set right.

The cosine of two averages falls short of the similarity of what they approach, for each holds noise of its own; and it
exceeds it where both are of the same models and noisy copies, whose noise is in both. Products of different models have
neither fault, in the numerator as in the denominator (Spearman's correction for attenuation, 1904).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.evaluation.similarity import resampled
from lit_adv.perturbations.grouped_sums import GroupedSums

DRAWS: Final = 2000
"""Bootstrap samples of the images."""


@dataclass(frozen=True, kw_only=True)
class Similarities:
    """A matrix of similarities, with the 95 % intervals that follow from the images; NaN where nothing is known.

    Attributes:
        value: `[P, P]` float64. Estimates: they may pass 1.
        low: `[P, P]`, lower ends.
        high: `[P, P]`, upper ends.
        images: number of images that count.
    """

    value: Tensor
    low: Tensor
    high: Tensor
    images: int


def products_of_sets(sums: Sequence[GroupedSums], region: Tensor) -> Tensor:
    """Returns Σ_{k≠l} ⟨G_pk, G_ql⟩ of each two sets within a region, in units of ‖T_p‖·‖T_q‖ `[N, P, P]`.

    Args:
        sums: of P sets of the same images, source models and seed.
        region: `[N, H, W]` bool.

    Returns:
        float64; NaN for an image for which a set is 0 in the region.

    Raises:
        InputError: the sets' groups differ, or are fewer than two.
    """
    if len(sums[0].models) < 2 or any(one.models != sums[0].models for one in sums):
        raise InputError("similarity without noise needs the same two groups of source models or more in all sets")
    found = []
    for image, inside in enumerate(region):
        rows = torch.stack([one.total[:, image][..., inside].flatten(1).double() for one in sums])  # [P, K, pixels]
        rows = rows / rows.abs().amax((1, 2), keepdim=True)
        total = rows.sum(1)
        of_totals = torch.einsum("px,qx->pq", total, total)
        size = of_totals.diagonal().sqrt()
        found.append((of_totals - torch.einsum("pkx,qkx->pq", rows, rows)) / torch.outer(size, size))
    return torch.stack(found)


def products_of_models(sums: GroupedSums) -> Tensor:
    """Returns ⟨G_k, G_l⟩ of each two groups of models in units of their scales `[N, K, K]`, without the copies' noise.

    Of groups of one model each, the diagonal holds the square that a model's perturbations keep from copy to copy,
    (‖G_k‖² − Σ_j‖δ_kj‖²)·n/(n − 1). From one copy, and of groups of several models, of which that cannot be told, it
    holds ‖G_k‖²: what is computed from it is the cosine of averages, noise and all.

    Returns:
        float64, in the order of the groups; NaN where a group's perturbations are 0.
    """
    n, alone = sums.copies, all(len(group) == 1 for group in sums.models)
    squares = torch.stack([sums.square_norms[list(group)].double().sum(0) for group in sums.models])
    found = []
    for image in range(sums.total.shape[1]):
        rows = sums.total[:, image].flatten(1).double()
        products = torch.einsum("ix,lx->il", rows, rows)
        scale = (squares[:, image] * n).sqrt() if alone else products.diagonal().sqrt()
        if n > 1 and alone:
            own = (products.diagonal() - squares[:, image]) * n / (n - 1)
            products = products - products.diagonal().diag() + own.diag()
        found.append(products / torch.outer(scale, scale))
    return torch.stack(found)


def corrected(products: Tensor) -> Similarities:
    """Returns similarities with a bootstrap interval over the images, which weigh alike.

    The mean product of each two, over the root of the means on the diagonal. An image counts for no pair of which one
    product is NaN.

    Args:
        products: `[N, P, P]`, of `products_of_sets` or `products_of_models`.
    """
    there = products.isfinite()
    value = _ratio(products.nan_to_num(), there.double(), torch.ones(1, len(products), dtype=torch.float64))[0]
    counts = resampled(len(products), DRAWS)
    parts = [_ratio(products.nan_to_num(), there.double(), part) for part in counts.split(100)]
    drawn = torch.cat(parts).nan_to_num(nan=-torch.inf).numpy()  # torch's quantile takes no more than 16 million
    with np.errstate(invalid="ignore"):  # −∞ less −∞
        low, high = map(torch.from_numpy, np.quantile(drawn, [0.025, 0.975], 0))
    unknown = value.isnan()
    return Similarities(
        value=value,
        low=torch.where(unknown | low.isinf(), torch.nan, low),
        high=torch.where(unknown | high.isinf(), torch.nan, high),
        images=int(there.flatten(1).any(1).sum()),
    )


def _ratio(products: Tensor, there: Tensor, counts: Tensor) -> Tensor:
    """The similarities `[D, P, P]` of samples in which image x stands `counts[d, x]` times."""
    mean = torch.einsum("dn,npq->dpq", counts, products) / torch.einsum("dn,npq->dpq", counts, there)
    own = mean.diagonal(dim1=1, dim2=2)
    own = torch.where(own > 0, own, torch.nan).sqrt()
    return mean / (own[:, :, None] * own[:, None, :])
