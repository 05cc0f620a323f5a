"""What the classes of each data set are called."""

from typing import Final

from datamodules.imagenet import class_table

CIFAR10: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def class_names(data: str) -> tuple[str, ...]:
    """Names by class number, of `mnist`, `cifar10` or `imagenet`; the thesis's classes have its names."""
    if data == "imagenet":
        from torchvision.models import ResNet18_Weights

        names = list(ResNet18_Weights.DEFAULT.meta["categories"])
        for name, (number, _) in class_table().items():
            names[number] = name.replace("_", " ")
        return tuple(names)
    return CIFAR10 if data == "cifar10" else tuple(map(str, range(10)))
