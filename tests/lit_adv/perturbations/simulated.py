"""Grouped sums of simulated perturbations, of which the truth is known."""

import torch
from torch import Tensor

from lit_adv.perturbations.grouped_sums import GroupedSums


def simulated(
    generator: torch.Generator,
    *,
    common: float,
    model: float,
    models: int,
    copies: int,
    images: int = 40,
    pixels: int = 1500,
    scatter: float = 0.0,
) -> Tensor:
    """δ_ij(x) = c_i(x)·(s + a_i + e_ij), `[m, n, N, P]`; log c_i ~ N(0, scatter²)."""

    def part(share: float, *shape: int) -> Tensor:
        values = torch.randn(*shape, images, pixels, generator=generator, dtype=torch.float64)
        return (share / pixels) ** 0.5 * values

    scales = (scatter * torch.randn(models, 1, images, 1, generator=generator, dtype=torch.float64)).exp()
    shared, own = part(common), part(model, models, 1)
    if common:
        shared *= (common / (shared**2).sum(-1, keepdim=True)).sqrt()
    return scales * (shared + own + part(1 - common - model, models, copies))


def grouped(perturbations: Tensor, groups: int) -> GroupedSums:
    """The sums of `[m, n, N, P]` in so many groups of neighbours."""
    m, n, images, pixels = perturbations.shape
    of_groups = torch.arange(m).tensor_split(groups)
    shape = (images, 1, 1, pixels)
    return GroupedSums(
        total=torch.stack([perturbations[group].sum((0, 1)).view(shape) for group in of_groups]),
        models=tuple(tuple(group.tolist()) for group in of_groups),
        square_norms=(perturbations**2).sum((1, 3)),
        squares=(perturbations**2).sum((0, 1)).view(shape),
        copies=n,
    )
