"""A small U-Net from images to pictures of the same shape."""

from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Sees = Literal["image", "edges"]
SOBEL: Final = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015) with two 3×3 convolutions on each level.

    Args:
        channels: C, of images and pictures.
        width: channels of the first level; each further one has twice as many.
        levels: how often the sides are halved; with 0 each pixel of the picture is drawn from 5×5 of the image.
        sees: the image, or only the magnitude of its edges, see `edges`.
    """

    def __init__(self, channels: int = 1, width: int = 16, levels: int = 2, sees: Sees = "image") -> None:
        super().__init__()
        self.channels = channels
        self.sees = sees
        sizes = [width * 2**level for level in range(levels + 1)]
        self.down = nn.ModuleList(_convolutions(a, b) for a, b in zip([channels, *sizes], sizes, strict=False))
        upwards = [*zip(sizes[1:], sizes[:-1], strict=True)][::-1]
        self.up = nn.ModuleList(_convolutions(below + beside, beside) for below, beside in upwards)
        self.head = nn.Conv2d(width, channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Returns pictures `[B, C, H, W]` of any scale."""
        x = edges(images) if self.sees == "edges" else images
        kept: list[Tensor] = []
        for level, convolutions in enumerate(self.down):
            x = convolutions(functional.max_pool2d(x, 2, ceil_mode=True) if level else x)
            kept.append(x)
        for convolutions, beside in zip(self.up, kept[-2::-1], strict=True):
            x = functional.interpolate(x, size=beside.shape[-2:])
            x = convolutions(torch.cat([beside, x], 1))
        found: Tensor = self.head(x)
        return found


def edges(images: Tensor) -> Tensor:
    """Returns the magnitude of each channel's Sobel gradient, `[B, C, H, W]`: where edges are, not which side is up."""
    across = torch.tensor(SOBEL, dtype=images.dtype, device=images.device) / 8
    kernels = torch.stack([across, across.T])[:, None].repeat(images.shape[1], 1, 1, 1)
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    gradients = functional.conv2d(padded, kernels, groups=images.shape[1]).unflatten(1, (-1, 2))
    magnitude: Tensor = torch.linalg.vector_norm(gradients, dim=2)
    return magnitude


def _convolutions(channels: int, out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for entering in (channels, out):
        layers += [nn.Conv2d(entering, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers)
