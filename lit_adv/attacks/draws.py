"""Random numbers of attacks: a function of the seed and an image's own values, and so the same in every batch."""

from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor


def uniform(images: Tensor, size: int, seed: int) -> Tensor:
    """Draws `[B, size]` float32 numbers in [0, 1), a row for each image.

    Args:
        images: `[B, C, H, W]`.
        size: numbers for each.
        seed: 0 or more, below 2²⁵⁶.
    """
    key = seed.to_bytes(32, "little")
    rows = [
        np.random.Generator(
            np.random.Philox(key=int.from_bytes(blake2b(image.numpy(), digest_size=16, key=key).digest()))
        ).random(size, dtype=np.float32)
        for image in images.cpu().contiguous().view(torch.uint8)  # numpy has no bfloat16
    ]
    return torch.from_numpy(np.stack(rows)).to(images.device)
