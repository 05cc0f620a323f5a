"""Perturbations as pictures (thesis 4.6.6)."""

from typing import Final

import torch
from torch import Tensor

DATA_STATISTICS: Final = {"mnist": (0.1307, 0.3081)}
"""Mean and standard deviation of each data set's pixels, in [0, 1]."""


def show_untargeted(perturbation: Tensor, mean: float, std: float) -> Tensor:
    """−δ, scaled linearly so that each perturbation's mean and standard deviation are those of the data set.

    Args:
        perturbation: `[N, C, H, W]`.
        mean: of the data set's pixels.
        std: likewise.

    Returns:
        `[N, C, H, W]`, not clipped; a constant perturbation becomes `mean` everywhere.
    """
    negative = -perturbation
    own_std, own_mean = torch.std_mean(negative, dim=(1, 2, 3), keepdim=True, correction=0)
    return (negative - own_mean) / own_std.clamp_min(torch.finfo(own_std.dtype).tiny) * std + mean


def show_targeted(perturbation: Tensor, largest: float = 1.0) -> Tensor:
    """δ `[N, C, H, W]`, each scaled so that its largest magnitude is `largest` (MNIST 1, ImageNet 0.5)."""
    peak = perturbation.abs().amax((1, 2, 3), keepdim=True)
    return perturbation * (largest / peak.clamp_min(torch.finfo(peak.dtype).tiny))
