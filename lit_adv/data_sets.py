"""What networks and pictures must know of each data set."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One data set; all pixel values in [0, 1].

    Attributes:
        image_shape: `(C, H, W)` as the datamodule gives it.
        classes: K.
        mean: of its pixels, one for each channel.
        std: likewise.
        input_mean: what is taken from the pixels before they enter a network, unless a zoo says otherwise.
        input_std: what they are then divided by.
    """

    image_shape: tuple[int, int, int]
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]


IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)

DATA_SETS: Final = {
    "mnist": DataSet(
        image_shape=(1, 28, 28), classes=10, mean=(0.1307,), std=(0.3081,), input_mean=(0.0,), input_std=(1.0,)
    ),
    "cifar10": DataSet(
        image_shape=(3, 32, 32),
        classes=10,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        input_mean=(0.4914, 0.4822, 0.4465),
        input_std=(0.2023, 0.1994, 0.2010),  # pytorchcv's: the mean of the images' own deviations
    ),
    "imagenet": DataSet(
        image_shape=(3, 224, 224),
        classes=1000,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        input_mean=IMAGENET_MEAN,
        input_std=IMAGENET_STD,
    ),
}

CLASS_LIST: Final = Path(__file__).parent / "imagenet_classes.csv"
"""The thesis's 20 classes and those of its targeted pairs: index among the 1000, wnid, name."""
CIFAR10: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def class_table() -> dict[str, tuple[int, str]]:
    """Name to class index and wnid, of the packaged classes."""
    with CLASS_LIST.open(newline="") as file:
        return {row["name"]: (int(row["index"]), row["wnid"]) for row in csv.DictReader(file)}


def class_names(data: str) -> tuple[str, ...]:
    """Names by class number, of `mnist`, `cifar10` or `imagenet`; the thesis's classes have its names."""
    if data == "imagenet":
        from torchvision.models import ResNet18_Weights

        names = list(ResNet18_Weights.DEFAULT.meta["categories"])
        for name, (number, _) in class_table().items():
            names[number] = name.replace("_", " ")
        return tuple(names)
    return CIFAR10 if data == "cifar10" else tuple(map(str, range(10)))
