"""Spectra of simulated sets are those that they were made with, and the width is the one that would be best."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.spectra import best_blur, blurred, spectra

SIDE = 32


def shaped(power: Tensor, *shape: int, seed: int) -> Tensor:
    """Noise `[..., H, W]` with a power at each frequency."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(*shape, SIDE, SIDE, generator=generator, dtype=torch.float64)
    return torch.fft.ifft2(torch.fft.fft2(noise) * power.sqrt()).real


def frequency() -> Tensor:
    one = torch.fft.fftfreq(SIDE, dtype=torch.float64)
    return (one[:, None] ** 2 + one**2).sqrt()


def sums_of(made: Tensor) -> GroupedSums:
    """The sums of `[m, n, N, H, W]`, a group for each model."""
    return GroupedSums(
        total=made.sum(1)[:, :, None],
        models=tuple((place,) for place in range(len(made))),
        square_norms=(made**2).sum((1, 3, 4)),
        squares=(made**2).sum((0, 1))[:, None],
        copies=made.shape[1],
    )


def simulated(common: Tensor, noise: Tensor, models: int, copies: int, images: int, scatter: float = 0.0) -> tuple:
    shared = shaped(common, images, seed=1)
    scales = (scatter * torch.randn(models, 1, images, 1, 1, generator=torch.Generator().manual_seed(3)).double()).exp()
    made = scales * (shared + shaped(noise, models, copies, images, seed=2))
    return shared, sums_of(made), made


def test_spectra_are_those_of_the_simulation() -> None:
    common = torch.exp(-frequency() * 20)
    noise = torch.full_like(common, 0.3)
    _, sums, _ = simulated(common, noise, models=8, copies=2, images=60)
    found = spectra(sums)
    whole = float((common + noise).sum())
    expected = (60 * common / whole, 60 * noise / 16 / whole)
    ring = (frequency() * SIDE).round().long()
    for mine, theirs in zip(found, expected, strict=True):
        for radius in range(1, 12):
            there = (ring == radius).numpy()
            assert mine[there].sum() == pytest.approx(float(theirs.numpy()[there].sum()), rel=0.15, abs=0.02)


@pytest.mark.parametrize("scatter", [0.0, 0.7])
@pytest.mark.parametrize("level", [0.05, 0.5, 5.0])
def test_the_width_is_the_best_one(level: float, scatter: float) -> None:
    """Against the distance of the blurred averages from what was shared, measured over all widths."""
    common = torch.exp(-frequency() * 20)
    shared, sums, made = simulated(
        common, torch.full_like(common, level), models=8, copies=2, images=30, scatter=scatter
    )
    found = best_blur(*spectra(sums))
    average = made.mean((0, 1))[:, None]
    scale = (made**2).sum((3, 4)).mean(1).sqrt().mean(0)[:, None, None, None]
    wanted = shared[:, None] / (common + level).sum().sqrt()

    def error(width: float) -> float:
        return float(((blurred(average / scale, width) - wanted) ** 2).sum())

    errors = {width: error(width) for width in np.arange(0, 2.05, 0.05)}
    best = min(errors, key=errors.__getitem__)
    assert found == pytest.approx(best, abs=0.15)
    assert error(found) <= 1.02 * errors[best]


def test_a_grid_of_period_two_is_taken_out() -> None:
    """As networks with strides leave it: all models have it, each with signs of its own."""
    common = torch.exp(-frequency() * 20)
    generator = torch.Generator().manual_seed(4)
    shared = shaped(common, 20, seed=1)
    checks = (torch.arange(SIDE)[:, None] + torch.arange(SIDE)) % 2 * 2.0 - 1
    signs = torch.randn(8, 1, 20, 1, 1, generator=generator, dtype=torch.float64)
    sums = sums_of(shared + shaped(common * 0.01, 8, 1, 20, seed=2) + signs * checks)
    assert 0.4 < best_blur(*spectra(sums)) < 2


def test_nothing_is_blurred_where_there_is_no_noise() -> None:
    common = torch.exp(-frequency() * 20)
    _, sums, _ = simulated(common, common * 1e-9, models=4, copies=1, images=3)
    assert best_blur(*spectra(sums)) < 0.2, "which no pixel shows"


def test_images_without_perturbations_say_nothing() -> None:
    common = torch.exp(-frequency() * 20)
    _, _, made = simulated(common, torch.ones_like(common), models=4, copies=2, images=6)
    with_zeros = made.clone()
    with_zeros[:, :, 4] = 0
    with_zeros[1:, :, 5] = 0
    for mine, theirs in zip(spectra(sums_of(with_zeros)), spectra(sums_of(made[:, :, :4])), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12)


def test_a_blur_keeps_the_mean_and_its_dtype() -> None:
    picture = torch.rand(2, 3, 16, 16)
    assert torch.equal(blurred(picture, 0), picture)
    found = blurred(picture, 1.5)
    assert found.dtype == picture.dtype
    assert torch.allclose(found.mean((2, 3)), picture.mean((2, 3)), atol=1e-3)
    assert float(found.std()) < float(picture.std()) / 2
