"""VGG-16-like network of the MNIST zoo."""

from typing import Final

from torch import nn

LAYERS: Final = (1, 1, "pool", 2, 2, "pool", 4, 4, 4, "pool", 8, 8, 8, "pool", 8, 8, 8, "pool")
"""VGG-16's convolutions (Simonyan & Zisserman 2015, configuration D) in multiples of the width."""


def vgg16_like(
    width: int = 8, classes: int = 10, batch_norm: bool = True, dropout: float = 0.0, pad: int = 0
) -> nn.Sequential:
    """Builds a narrow VGG-16 for 28×28 grey images (thesis 4.6.3.1).

    It has thirteen 3×3 convolutions with batch normalisation and three linear layers. The pools round up, so that
    28 → 14 → 7 → 4 → 2 → 1. Pixel values in [0, 1] are not normalised: MNIST's background is 0 and the padding is 0, so
    the picture's border is invisible to the network and no perturbation gathers there.

    Args:
        width: number of channels of the first layer; VGG-16 has 64.
        classes: K, number of logits.
        batch_norm: have batch normalisation after each convolution. Without it the weights begin as He et al. (2015)
            have them, so that thirteen layers can be trained.
        dropout: share of the values that is dropped before each of the last two linear layers, as in VGG-16 (0.5).
        pad: black pixels around the image; 2 makes 28×28 into 32×32.

    Returns:
        Network from `[B, 1, 28, 28]` to `[B, classes]`.

    Raises:
        ValueError: `pad` is below 0, or `dropout` no share.
    """
    if pad < 0:
        raise ValueError(f"pad is {pad}; it must be at least 0")
    layers: list[nn.Module] = [nn.ZeroPad2d(pad)] if pad else []
    channels = 1
    for entry in LAYERS:
        if entry == "pool":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        else:
            out = int(entry) * width
            layers.append(nn.Conv2d(channels, out, 3, padding=1, bias=not batch_norm))
            layers += [nn.BatchNorm2d(out), nn.ReLU()] if batch_norm else [nn.ReLU()]
            channels = out
    layers.append(nn.Flatten())
    for _ in range(2):
        layers += [nn.Linear(channels, channels), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    network = nn.Sequential(*layers, nn.Linear(channels, classes))
    if not batch_norm:
        for layer in network:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network
