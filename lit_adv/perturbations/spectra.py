"""Spectra of what all models share and of what is noise in an average, and the blur that parts them best.

A Fourier transform is a rotation: what `lit_adv.perturbations.variance_shares` solves for a pixel holds for a frequency
just as well, with |FFT|² in place of squares.
"""

from typing import Final

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.variance_shares import Floats, Scalars, solved

STEP: Final = 0.05
"""Pixels between the widths that are tried."""
WIDEST: Final = 1 / 16
"""Largest width that is tried, as a share of a picture's side: 14 pixels of 224."""
WITHOUT_GROUPS: Final = 1 / 150
"""Width for sets that keep no groups of source models, as a share of a picture's side: 1.5 pixels of 224."""


def spectra(sums: GroupedSums, weights: Tensor | None = None) -> tuple[Floats, Floats]:
    """Returns the power `[H, W]` of s and of the average's noise at each frequency, in `numpy.fft.fft2`'s order.

    Added up over images and channels, each image in units in which S + A + E is 1. The noise is that of an average in
    which s has the factor 1: B/m_eff. Estimates without bias, so that single frequencies may be below 0. Images of
    which fewer than two groups have perturbations do not count.

    Args:
        sums: of the groups.
        weights: `[C]`, of which the channels' weighted sum takes their place.

    Raises:
        InputError: there are fewer than two groups.
    """
    scalars = Scalars.of(sums)
    of_groups, second = scalars.group_scales
    effective, shape = scalars.effective(), sums.total.shape[-2:]
    common, noise = np.zeros(shape), np.zeros(shape)
    for image in range(sums.total.shape[1]):
        planes = sums.total[:, image].transpose(0, 1)
        if weights is not None:
            planes = torch.tensordot(weights.to(planes), planes, 1)[None]
        total, groups = np.zeros(shape), np.zeros(shape)
        for plane in planes:
            found = np.fft.fft2(plane.numpy(), norm="ortho")
            total += np.abs(found.sum(0)) ** 2
            groups += (np.abs(found) ** 2).sum(0)
        first = of_groups[image]
        one = solved(total, groups, first.sum(), (first**2).sum(), second[image].sum(), sums.copies)
        if np.isfinite(one.common).all():
            common += one.common
            noise += one.own / effective[image]
    return common, noise


def best_blur(common: Floats, noise: Floats) -> float:
    """Returns the standard deviation in pixels of the Gaussian that brings an average nearest to s.

    It minimises Σ_f (1 − G(f))²·S(f) + G(f)²·N(f), the expected squared error, G being the Gaussian's own transfer on
    the grid of pixels.

    Args:
        common: S `[H, W]`, see `spectra`.
        noise: N `[H, W]`.
    """
    widths = np.arange(0, WIDEST * max(common.shape) + STEP / 2, STEP)
    errors = []
    for width in widths:
        gain = np.multiply.outer(*(_transfer(width, side) for side in common.shape))
        errors.append(((1 - gain) ** 2 * common + gain**2 * noise).sum())
    return round(float(widths[int(np.argmin(errors))]), 2)


def blur_width(found: PerturbationSet, weights: Tensor | None = None) -> float:
    """Returns `best_blur` of a set, one width for all its images, which are read one at a time.

    Args:
        found: the set; `WITHOUT_GROUPS` where it keeps no groups.
        weights: see `spectra`.
    """
    shape = found.image.shape[-2:]
    if not found.groups:
        return round(WITHOUT_GROUPS * shape[-1], 2)
    common, noise = np.zeros(shape), np.zeros(shape)
    for image in range(len(found.label)):
        of_image = spectra(found.grouped(slice(image, image + 1)), weights)
        common += of_image[0]
        noise += of_image[1]
    return best_blur(common, noise)


def blurred(picture: Tensor, width: float) -> Tensor:
    """Blurs `[N, C, H, W]` with a Gaussian of a standard deviation in pixels, mirrored at the border."""
    found = gaussian_filter(picture.cpu().numpy(), sigma=(0, 0, width, width))
    return torch.from_numpy(found).to(picture)


def _transfer(width: float, side: int) -> Floats:
    """The factor `[side]` of each frequency."""
    point = np.zeros(side)
    point[0] = 1
    found: Floats = np.fft.fft(gaussian_filter(point, width, mode="wrap")).real
    return found
