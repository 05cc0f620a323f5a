"""What a held-out model is shown of a perturbation, and which classes it may answer (thesis 4.8.2, Table 4.3)."""

from typing import Final

import torch
from torch import Tensor

from lit_adv.data_sets import IMAGENET_MEAN, IMAGENET_STD
from lit_adv.perturbations.rendering import matched

SCALE: Final = {"cifar10": 0.05, "imagenet": 0.5}
"""What the matched perturbations of each data set are multiplied by."""


def shown(perturbation: Tensor, data: str, targeted: bool = False) -> Tensor:
    """The picture that the judge classifies.

    −δ (targeted: δ), for `mnist` 1 where it is above 0 and else 0, for `cifar10` and `imagenet` scaled linearly so that
    each channel has ImageNet's mean and standard deviation, then times 0.05 and 0.5.

    Args:
        perturbation: δ `[N, C, H, W]`.
        data: the data set.
        targeted: whether δ comes from a targeted attack.

    Returns:
        `[N, C, H, W]`, not clipped.
    """
    picture = perturbation if targeted else -perturbation
    if data == "mnist":
        return (picture > 0).to(picture.dtype)
    return SCALE[data] * matched(picture, IMAGENET_MEAN, IMAGENET_STD)


def described(data: str) -> str:
    """`shown` in words, for the reader of a table."""
    if data == "mnist":
        return "1 where above 0, else 0"
    return f"each channel given ImageNet's mean and standard deviation, times {SCALE[data]}"


def answer(logits: Tensor, classes: Tensor | None) -> Tensor:
    """The class with the largest of the logits `[N, K]`, among `classes` `[k]` where these are given; `[N]`."""
    if classes is None:
        return logits.argmax(1)
    return classes[torch.take_along_dim(logits, classes.expand(len(logits), -1), 1).argmax(1)]


def by_class(answers: Tensor, labels: Tensor) -> list[tuple[int, float, int]]:
    """Class, share of its images that are answered right, and how many it has, in the order of the classes.

    Args:
        answers: `[N]`.
        labels: `[N]`.
    """
    right = answers == labels
    return [
        (int(label), float(right[labels == label].double().mean()), int((labels == label).sum()))
        for label in labels.unique()
    ]
