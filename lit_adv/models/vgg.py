"""VGG-16-like network of the MNIST zoo."""

from typing import Final

from torch import nn

LAYERS: Final = (1, 1, "pool", 2, 2, "pool", 4, 4, 4, "pool", 8, 8, 8, "pool", 8, 8, 8, "pool")
"""VGG-16's convolutions (Simonyan & Zisserman 2015, configuration D) in multiples of the width."""


def vgg16_like(width: int = 8, classes: int = 10) -> nn.Sequential:
    """Builds a narrow VGG-16 for 28×28 grey images (thesis 4.6.3.1).

    It has thirteen 3×3 convolutions with batch normalisation and three linear layers. The pools round up, so that
    28 → 14 → 7 → 4 → 2 → 1. Pixel values in [0, 1] are not normalised: MNIST's background is 0 and the padding is 0, so
    the picture's border is invisible to the network and no perturbation gathers there.

    Args:
        width: number of channels of the first layer; VGG-16 has 64.
        classes: K, number of logits.

    Returns:
        Network from `[B, 1, 28, 28]` to `[B, classes]`.
    """
    layers: list[nn.Module] = []
    channels = 1
    for entry in LAYERS:
        if entry == "pool":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        else:
            out = int(entry) * width
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
    head = [nn.Flatten(), nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()]
    return nn.Sequential(*layers, *head, nn.Linear(channels, classes))
