"""What the classes of each data set are called."""

from typing import Final

CIFAR10: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def class_names(data: str) -> tuple[str, ...]:
    """Names by class number, of `mnist`, `cifar10` or `imagenet`."""
    if data == "imagenet":
        from torchvision.models import ResNet18_Weights

        return tuple(ResNet18_Weights.DEFAULT.meta["categories"])
    return CIFAR10 if data == "cifar10" else tuple(map(str, range(10)))
