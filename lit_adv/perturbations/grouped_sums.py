"""Sums of perturbations by groups of source models, from which judges and reliability are computed."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class GroupedSums:
    """The sums of Eq. 4.1 for each of G groups that share no source model, over the images of a set or some of them.

    Attributes:
        total: `[G, N, C, H, W]` float64, Σδ_ij over the models of each group and all copies.
        models: positions of each group's models among the set's sources; no group is empty.
        square_norms: `[m, N]` float64, Σ_j‖δ_ij‖² of each model, over its copies.
        squares: `[N, C, H, W]` float64, Σδ_ij² over all models and copies, for each pixel.
        copies: n, noisy copies of each image for each model.
    """

    total: Tensor
    models: tuple[tuple[int, ...], ...]
    square_norms: Tensor
    squares: Tensor
    copies: int
