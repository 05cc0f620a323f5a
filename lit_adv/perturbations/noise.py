"""Gaussian noise as a function of (seed, model, image, copy)."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

import numpy as np
import torch
from torch import Tensor

SEEDS: Final = 2**128
"""Number of seeds, from 0."""


class Stream(IntEnum):
    """Uses of random numbers. Draws of different streams are independent."""

    COPIES = 0
    """Noisy copies of Eq. 4.1."""
    SIGNS = 1
    """Random signs ±ε, the reference for attacks."""
    CLASSES = 2
    """Pure noise that models classify."""
    ORDER = 3
    """Order in which growth takes the source models."""
    TARGETS = 4
    """Targets of images that have one each, at random."""


def gaussian_noise(
    seed: int, draws: Iterable[tuple[int, int, int]], shape: tuple[int, ...], stream: Stream = Stream.COPIES
) -> Tensor:
    """Draws z_ij of Eq. 4.1 from the standard normal distribution, one for each (model, image, copy).

    Each draw has its own Philox counter. So its value depends on its arguments only: not on the batch, the process, or
    earlier draws.

    Args:
        seed: the run's seed, 0 or more and below `SEEDS`.
        draws: (model, image, copy) triples, each 0 or more; `image` is the index in the data set.
        shape: `(C, H, W)` of one draw.
        stream: the draws' use.

    Returns:
        `[B, C, H, W]` float32.
    """
    rows = [
        np.random.Generator(np.random.Philox(key=seed, counter=[stream << 32, copy, image, model])).standard_normal(
            shape, dtype=np.float32
        )
        for model, image, copy in draws
    ]
    return torch.from_numpy(np.stack(rows))
