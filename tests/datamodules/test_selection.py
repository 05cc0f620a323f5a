"""Selections refuse pixel values that are none."""

import pytest
import torch

from datamodules.selection import Selection, doubles
from lit_adv.errors import InputError


@pytest.mark.parametrize("value", [-0.01, 1.01, 255.0, float("nan")])
def test_pixel_values_outside_the_range(value: float) -> None:
    images = torch.rand(3, 1, 2, 2)
    images[1, 0, 0, 0] = value
    with pytest.raises(InputError, match=r"image 8 has pixel values .*; they must be in \[0, 1\]"):
        Selection(torch.tensor([7, 8, 9]), images, torch.tensor([0, 1, 2]))


def test_images_that_are_there_twice() -> None:
    images = torch.rand(4, 3, 2, 2)
    assert doubles(images) == []
    assert doubles(images[[0, 1, 0, 2, 1, 0]]) == [(0, 2), (1, 4), (0, 5)]
    assert doubles(images.transpose(2, 3)[[3, 3]]) == [(0, 1)]
