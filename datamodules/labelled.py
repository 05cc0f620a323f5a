"""Data set in memory, split for training."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from lit_adv.errors import InputError

SHOWN: Final = 8
"""Most classes that an error names."""


@dataclass(frozen=True)
class Labelled:
    """Images `[N, C, H, W]` float32 in [0, 1] and labels `[N]` int64, for training and for testing."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def refuse_missing(self, names: Sequence[str]) -> None:
        """Refuses classes without images for training, and images without any for testing.

        Args:
            names: of all classes.

        Raises:
            InputError: there are such.
        """
        counts = torch.bincount(self.train_labels, minlength=len(names)).tolist()
        if missing := [f"{number} ({names[number]})" for number, count in enumerate(counts) if not count]:
            few = ", ".join(missing[:SHOWN]) + " …" * (len(missing) > SHOWN)
            raise InputError(
                f"{len(missing)} of {len(names)} classes have no images for training: {few}; add some, or leave "
                "these classes out"
            )
        if not len(self.test_labels):
            raise InputError("there are no images for testing")


class TrainingData(ABC):
    """Images with which models are trained and tested; subclasses say which.

    Args:
        name: of the data set, a key of `DATA_SETS`, or `images`.
        batch_size: number of images in a training step; None for what suits them.

    Attributes:
        source: where the images come from, for the models' manifests.
    """

    source: str

    def __init__(self, name: str, batch_size: int | None) -> None:
        self.data = name
        self.batch_size = batch_size

    @abstractmethod
    def load(self) -> Labelled:
        """Loads the images."""

    def describe(self) -> Mapping[str, Any]:
        """Describes own images for the models' manifests, as `Recipe.images`; known data sets need no description."""
        return {}
