"""Gaussian noise as a function of (seed, model, image, copy)."""

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stream(IntEnum):
    """What draws are for; those of different streams have nothing in common."""

    COPIES = 0
    """The noisy copies of Eq. 4.1."""
    SIGNS = 1
    """Random noise of ±ε, the reference for attacks."""
    CLASSES = 2
    """Pure noise whose class is asked."""
    ORDER = 3
    """The order in which growth takes the source models."""


def gaussian_noise(
    seed: int, draws: Iterable[tuple[int, int, int]], shape: tuple[int, ...], stream: Stream = Stream.COPIES
) -> Tensor:
    """Standard normal draws z_ij of Eq. 4.1, one for each (model, image, copy).

    Each draw has its own Philox counter, so its value depends on nothing but its arguments: not on the batch, the
    process, or what was drawn before.

    Args:
        seed: the run's seed, 0 or more.
        draws: (model, image, copy) triples, each 0 or more; `image` is the index in the data set.
        shape: `(C, H, W)` of one draw.
        stream: what they are for.

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
