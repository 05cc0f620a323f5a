"""Which images an experiment uses."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_adv.errors import InputError


@dataclass(frozen=True)
class Selection:
    """The images of an experiment.

    Attributes:
        index: `[N]` int64, positions in the data set; noise belongs to these.
        images: `[N, C, H, W]` float32 in [0, 1].
        labels: `[N]` int64.
    """

    index: Tensor
    images: Tensor
    labels: Tensor


def first_per_class(images: Tensor, labels: Tensor, per_class: int, classes: int) -> Selection:
    """The first `per_class` images of each class, class by class (thesis 4.6.1).

    Args:
        images: `[N, C, H, W]` float32 in [0, 1].
        labels: `[N]` int64, 0 ≤ label < `classes`.
        per_class: how many of each, at least 1.
        classes: the number of classes.

    Raises:
        InputError: a label is out of range, or a class has too few images.
    """
    check_labels(labels, classes)
    counts = torch.bincount(labels, minlength=classes)
    if (fewest := int(counts.min())) < per_class:
        raise InputError(
            f"class {int(counts.argmin())} has {fewest} test images, per_class asks for {per_class}; lower it"
        )
    index = torch.cat([(labels == c).nonzero()[:per_class, 0] for c in range(classes)])
    return Selection(index, images[index], labels[index])


def check_labels(labels: Tensor, classes: int) -> None:
    """Refuses labels outside 0 … classes − 1.

    Raises:
        InputError: naming the first such label and its position.
    """
    if (wrong := ((labels < 0) | (labels >= classes)).nonzero()).numel():
        at = int(wrong[0, 0])
        raise InputError(f"label {int(labels[at])} of image {at} is out of range; the models know 0 to {classes - 1}")
