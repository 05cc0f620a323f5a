"""The period of the grid artefacts in perturbations (thesis 5.2.3)."""

import torch
from torch import Tensor

NEAR = 2
"""Distance in bins of the two frequencies that a peak is compared with."""
STANDING = 4
"""Least prominence of a peak, in usual deviations of the spectrum's prominence."""
LEAST = 0.02
"""Least prominence in decades, for noise-free spectra whose median prominence is 0."""
FUNDAMENTAL = 0.5
"""Least excess power of the grid's own frequency, as a share of the largest excess power."""


def spectrum(perturbation: Tensor) -> Tensor:
    """Returns the power spectrum along rows and columns, the mean over all of them; each image counts alike.

    Args:
        perturbation: `[N, C, S, S]`.

    Returns:
        `[S // 2 + 1]` float64; element k belongs to k/S cycles per pixel, the one at 0 is 0.

    Raises:
        ValueError: the perturbations are not square.
    """
    if perturbation.shape[2] != perturbation.shape[3]:
        raise ValueError(f"perturbations of shape {list(perturbation.shape)} are not square")
    centred = perturbation.double() - perturbation.double().mean((2, 3), keepdim=True)
    unit = centred / centred.flatten(1).norm(dim=1).clamp_min(torch.finfo(torch.float64).tiny).view(-1, 1, 1, 1)
    rows = torch.fft.rfft(unit, dim=3).abs().square().mean((0, 1, 2))
    columns = torch.fft.rfft(unit, dim=2).abs().square().mean((0, 1, 3))
    power: Tensor = (rows + columns) / 2
    power[0] = 0
    return power


def prominence(power: Tensor) -> Tensor:
    """Returns the decades by which each frequency's power exceeds the geometric mean of the two `NEAR` bins away.

    The highest frequency is compared with the lower one only.

    Args:
        power: `[K]`, see `spectrum`.

    Returns:
        `[K]`; 0 up to bin `NEAR`, where there is nothing to compare with.
    """
    decades = power.clamp_min(torch.finfo(power.dtype).tiny).log10()
    found = torch.zeros_like(power)
    for k in range(NEAR + 1, len(power)):
        around = [decades[k - NEAR], *([decades[k + NEAR]] if k + NEAR < len(power) else [])]
        found[k] = decades[k] - torch.stack(around).mean()
    return found


def grid_period(power: Tensor, size: int) -> float:
    """Returns the period of the grid.

    A grid's power lies at its frequency and multiples of it. A frequency stands out if it has more power than both
    neighbours, and a prominence of `STANDING` times the usual one (1.48 times the median absolute deviation). The
    grid's own frequency is the lowest of these whose excess power is at least `FUNDAMENTAL` of the largest.

    Args:
        power: `[size // 2 + 1]`, see `spectrum`.
        size: S, pixels.

    Returns:
        The period in pixels, S divided by a whole number, from 2 to S / 3; NaN if nothing stands out.
    """
    above = prominence(power)
    known = above[NEAR + 1 :]
    usual = 1.4826 * (known - known.median()).abs().median()
    peak = torch.zeros_like(power, dtype=torch.bool)
    peak[1:-1] = (power[1:-1] > power[:-2]) & (power[1:-1] > power[2:])
    peak[-1] = power[-1] > power[-2]
    stands = peak & (above >= (STANDING * usual).clamp_min(LEAST))
    excess = torch.where(stands, power * (1 - 10**-above), 0)
    if not excess.any():
        return float("nan")
    return size / int((excess >= FUNDAMENTAL * excess.max()).nonzero()[0, 0])
