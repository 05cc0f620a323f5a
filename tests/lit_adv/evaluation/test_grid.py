"""The period of grids that are put there."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lit_adv.evaluation.grid import grid_period, prominence, spectrum

SIZE = 64


def falling(seed: int, size: int = SIZE) -> Tensor:
    """Noise `[3, 1, S, S]` whose power falls with the square of the frequency, as that of photographs does."""
    generator = torch.Generator().manual_seed(seed)
    frequency = torch.fft.fftfreq(size).square()
    weight = (frequency[:, None] + frequency[None, :] + 1 / size**2) ** -0.5
    white = torch.fft.fft2(torch.randn(3, 1, size, size, generator=generator))
    noise = torch.fft.ifft2(white * weight).real
    return noise / noise.std()


def lines(period: int, size: int = SIZE) -> Tensor:
    """Bright lines every so many pixels, along rows and columns."""
    on = (torch.arange(size) % period == 0).float()
    return on[:, None] + on[None, :]


@pytest.mark.parametrize("period", [2, 4, 8, 16])
@pytest.mark.parametrize("size", [64, 224])
def test_lines_are_found_through_other_content(period: int, size: int) -> None:
    """One pixel wide, as bright as what they must overcome at their own frequency."""
    assert grid_period(spectrum(falling(period, size) + period * lines(period, size)), size) == period


@pytest.mark.parametrize("period", [8, 16, 28, 30, 32])
@pytest.mark.parametrize("wave", [torch.cos, lambda x: torch.cos(x).sign()], ids=["cosine", "square"])
def test_waves_are_found_at_the_nearest_frequency(period: int, wave: Callable[[Tensor], Tensor]) -> None:
    size = 224
    one = wave(2 * torch.pi * (torch.arange(size) + 0.25) / period)
    found = grid_period(spectrum(falling(period, size) + 2 * (one[:, None] + one[None, :])), size)
    assert found == size / round(size / period)


def test_a_wave_by_hand() -> None:
    wave = torch.cos(2 * torch.pi * 10 * torch.arange(40) / 40).expand(40, 40)[None, None]
    power = spectrum(wave)
    # Unit length: 40 rows of 1/40 each; a cosine of energy e in 40 values has |F|² = e·40/2 at its frequency. Columns
    # are constant, so that they have power at 0 only.
    expected = torch.zeros(21, dtype=torch.float64)
    expected[10] = (1 / 40) * 40 / 2 / 2
    assert torch.allclose(power, expected)


def test_nothing_stands_out_of_a_power_law() -> None:
    power = torch.arange(1, 34, dtype=torch.float64) ** -2.0
    assert math.isnan(grid_period(power, SIZE))


def test_noise_alone_rarely_has_a_grid() -> None:
    found = [grid_period(spectrum(falling(seed)), SIZE) for seed in range(20)]
    assert sum(map(math.isnan, found)) >= 18


def test_a_faint_grid_is_found_where_the_spectrum_is_smooth() -> None:
    """A quarter more power at one frequency, as in the averages of one ImageNet network."""
    power = torch.arange(1, 114, dtype=torch.float64) ** -0.5
    power[56] *= 1.25
    assert grid_period(power, 224) == 4


def test_prominence_by_hand() -> None:
    power = torch.tensor([1.0, 1, 1, 100, 10, 1, 1, 50], dtype=torch.float64)
    # 3: between 1 and 1; 4: between 1 and 1; 5: between 100 and 50; 6: only 10 below; 7: only 1 below
    expected = [0, 0, 0, 2, 1, -(2 + math.log10(50)) / 2, -1, math.log10(50)]
    assert prominence(power).tolist() == pytest.approx(expected)


def test_size_and_sign_of_an_image_do_not_count() -> None:
    one = falling(1)
    assert torch.allclose(spectrum(torch.cat([one, -5 * one])), spectrum(one))


def test_only_squares() -> None:
    with pytest.raises(ValueError, match="not square"):
        spectrum(torch.zeros(1, 1, 4, 5))
