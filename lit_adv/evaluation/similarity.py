"""Similarity of the perturbations of different attacks (thesis 5.3.2, Figure 5.7)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def similarity(perturbations: Sequence[Tensor], region: Tensor) -> Tensor:
    """Returns the cosine similarity of perturbations within a region, the mean over the images.

    An image for which either perturbation is 0 in the region counts for none of its pairs.

    Args:
        perturbations: P times `[N, C, H, W]`, of the same images.
        region: `[N, H, W]` bool.

    Returns:
        `[P, P]` float64; NaN where no image counts.
    """
    rows = torch.stack([(p.double() * region[:, None]).flatten(1) for p in perturbations])
    rows = rows / rows.abs().amax(2, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny)  # gradients may be minute
    unit = functional.normalize(rows, dim=2)
    there = (rows != 0).any(2).double()
    return torch.einsum("pnx,qnx->pq", unit, unit) / (there @ there.T)


def correlation(first: Tensor, second: Tensor) -> float:
    """Returns Pearson's correlation of two pictures over all their values; both `[N, C, H, W]`.

    The mean over those images of which neither picture is constant; NaN if there is none.
    """
    a, b = (one.double().flatten(1) for one in (first, second))
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    sizes = a.norm(dim=1) * b.norm(dim=1)
    return float(((a * b).sum(1) / sizes)[sizes > 0].mean())


def resampled(images: int, draws: int) -> Tensor:
    """Returns how often each image stands in samples with replacement `[draws, images]` float64; always the same."""
    chosen = np.random.Generator(np.random.Philox(key=0)).integers(0, images, (draws, images))
    counts = np.stack([np.bincount(row, minlength=images) for row in chosen])
    return torch.from_numpy(counts).double()
