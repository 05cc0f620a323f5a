"""Data set in memory, split for training."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from lit_adv.data_sets import DataSet


@dataclass(frozen=True)
class Labelled:
    """Images `[N, C, H, W]` float32 in [0, 1] and labels `[N]` int64, for training and for testing."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


class TrainingData(ABC):
    """Images with which models are trained and tested; subclasses say which.

    Args:
        data_set: what is known of the images.
        batch_size: number of images in a training step; None for what suits them.

    Attributes:
        source: where the images come from, for the models' manifests.
    """

    source: str

    def __init__(self, data_set: DataSet, batch_size: int | None) -> None:
        self.data_set = data_set
        self.batch_size = batch_size

    @abstractmethod
    def load(self) -> Labelled:
        """Loads the images."""
