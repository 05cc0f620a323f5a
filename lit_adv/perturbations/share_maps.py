"""Where all models agree, where each has its own, and where it is noise: the shares S, A and E of each pixel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.variance_shares import Floats, Scalars, Shares, copies_apart, solved

BLUR: Final = 1 / 28
"""Standard deviation of the Gaussian that maps are smoothed with, as a share of a picture's side: a pixel of MNIST."""


@dataclass(frozen=True, kw_only=True)
class ShareMaps:
    """The parts of each pixel in the shares of `lit_adv.perturbations.variance_shares`, which are their sums.

    Estimates without bias: pixels with little may be below 0.

    Attributes:
        common: S `[N, C, H, W]` float64.
        model: A; from one copy A and E together.
        copy: E; None from one copy.
    """

    common: Tensor
    model: Tensor
    copy: Tensor | None


def share_maps(sums: GroupedSums) -> ShareMaps:
    """Returns the maps of images; 0 for an image of which fewer than two groups have perturbations.

    Raises:
        InputError: there are fewer than two groups.
    """
    scalars, n = Scalars.of(sums), sums.copies
    of_groups, second = scalars.group_scales
    first, within, square = (
        values[:, None, None, None] for values in (of_groups.sum(1), (of_groups**2).sum(1), second.sum(1))
    )
    groups = sums.total.numpy()
    total = groups.sum(0)
    found = solved(total**2, (groups**2).sum(0), first, within, square, n)
    common, own = _known(found.common), _known(found.own)
    if n == 1:
        return ShareMaps(common=common, model=own, copy=None)
    there = np.where(square > 0, square, np.nan)
    model, copy = copies_apart(found, n, sums.squares.numpy() / (n * there))
    return ShareMaps(common=common, model=_known(model), copy=_known(copy))


def smooth(part: Tensor) -> Tensor:
    """Adds up the channels of `[N, C, H, W]` float64 and smooths the sums over `BLUR` of the side: `[N, 1, H, W]`."""
    grey = part.sum(1, keepdim=True)
    width = BLUR * grey.shape[-1]
    return torch.from_numpy(gaussian_filter(grey.numpy(), sigma=(0, 0, width, width)))


def agreement(sums: GroupedSums) -> Tensor:
    """Returns how far to trust each pixel of images' averages: S/(S + B/m_eff) `[N, 1, H, W]` float64 in [0, 1].

    It is Wiener's weight, the ρ of a pixel; S, and B = A + E/n, which over m_eff is the noise of the average, are
    smoothed. 0 where S is estimated below 0; 1 where nothing is known.

    Raises:
        InputError: there are fewer than two groups.
    """
    maps = share_maps(sums)
    own = maps.model if maps.copy is None else maps.model + maps.copy / sums.copies
    found = Shares(common=smooth(maps.common).numpy(), own=smooth(own).numpy())
    effective = np.nan_to_num(Scalars.of(sums).effective(), nan=1.0)[:, None, None, None]
    return torch.from_numpy(np.nan_to_num(found.rho(effective), nan=1.0)).clamp_min(0)


def _known(values: Floats) -> Tensor:
    return torch.from_numpy(np.nan_to_num(values))
