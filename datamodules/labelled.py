"""Data set in memory, split for training."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Labelled:
    """Images `[N, C, H, W]` float32 in [0, 1] and labels `[N]` int64, for training and for testing."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
