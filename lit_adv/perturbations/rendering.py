"""Perturbations as pictures (thesis 4.6.6)."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_adv.attacks.precision import widest
from lit_adv.perturbations.perturbation_set import PerturbationSet


def matched(picture: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Scales each channel of each picture linearly to a mean and a standard deviation.

    The thesis shows an untargeted perturbation as −δ with the data set's statistics (4.6.6).

    Args:
        picture: `[N, C, H, W]`.
        mean: one for each channel.
        std: likewise.

    Returns:
        `[N, C, H, W]`, not clipped; a constant channel becomes its `mean` everywhere.
    """
    wide = picture.to(widest(picture.device))  # the squares of a sure model's gradients are below float32's least
    own_std, own_mean = torch.std_mean(wide, dim=(2, 3), keepdim=True, correction=0)
    wanted_mean, wanted_std = (torch.tensor(values).to(wide).view(-1, 1, 1) for values in (mean, std))
    found = (wide - own_mean) / own_std.clamp_min(torch.finfo(own_std.dtype).tiny) * wanted_std + wanted_mean
    return found.to(picture.dtype)


def show_targeted(perturbation: Tensor, largest: float = 1.0) -> Tensor:
    """Scales each δ of `[N, C, H, W]` to the largest magnitude `largest` (MNIST 1, ImageNet 0.5)."""
    peak = perturbation.abs().amax((1, 2, 3), keepdim=True)
    return perturbation * (largest / peak.clamp_min(torch.finfo(peak.dtype).tiny))


def as_shown(perturbation: Tensor, mean: Sequence[float], std: Sequence[float], targeted: bool) -> Tensor:
    """Renders δ `[N, C, H, W]`: untargeted −δ with the data set's statistics; targeted δ, grey where 0 (4.6.6)."""
    return 0.5 + show_targeted(perturbation) / 2 if targeted else matched(-perturbation, mean, std)


def as_picture(perturbations: PerturbationSet, index: Tensor) -> Tensor:
    """Renders a set's perturbations at positions `index` `[n]` as the thesis does: `[n, C, H, W]`, not clipped."""
    data = perturbations.data_set
    targeted = perturbations.target is not None
    return as_shown(perturbations.perturbation[index], data.mean, data.std, targeted=targeted)


def strongest(perturbation: Tensor) -> Tensor:
    """Sets each δ of `[N, C, H, W]` to 0 where |δ| is below its mean |δ| (thesis 4.6.6, Figure 5.6)."""
    size = perturbation.abs()
    return torch.where(size < size.mean((1, 2, 3), keepdim=True), 0, perturbation)


def as_bytes(picture: Tensor) -> NDArray[np.uint8]:
    """Converts `[N, C, H, W]` in [0, 1], clipped, to `[N, H, W, C]` in 0 … 255."""
    scaled: NDArray[np.uint8] = (picture.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return scaled


def of_bytes(pixels: NDArray[np.uint8], like: Tensor) -> Tensor:
    """Converts `[N, H, W, C]` in 0 … 255 to `[N, C, H, W]` in [0, 1], of the type and device of `like`."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(like) / 255


def in_eight_bits(picture: Tensor) -> Tensor:
    """Returns `[N, C, H, W]` as a picture file has it: clipped to [0, 1] and rounded to 256 values."""
    return of_bytes(as_bytes(picture), picture)
