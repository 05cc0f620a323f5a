"""Changes to a gradient or to what a model sees, with which perturbations transfer better to other models."""

import torch
from scipy.stats import norm
from torch import Tensor
from torch.nn import functional


def look_ahead(x: Tensor, momentum: Tensor, decay: float, step_size: float) -> Tensor:
    """Nesterov's point (Lin et al. 2020, NI-FGSM): x + α·μ·g.

    Args:
        x: `[B, C, H, W]`.
        momentum: g, likewise.
        decay: μ.
        step_size: α.
    """
    return x + step_size * decay * momentum


def with_momentum(gradient: Tensor, momentum: Tensor, decay: float) -> Tensor:
    """Momentum (Dong et al. 2018, MI-FGSM): g ← μ·g + ∇J/‖∇J‖₁, the norm being a mean over the image's values.

    Args:
        gradient: ∇J `[B, C, H, W]`; one that is 0 stays so.
        momentum: g, likewise.
        decay: μ.
    """
    size = gradient.abs().mean((1, 2, 3), keepdim=True)
    return decay * momentum + torch.where(size > 0, gradient / size.clamp_min(torch.finfo(size.dtype).tiny), 0)


def smoothed(gradient: Tensor, side: int) -> Tensor:
    """Translation invariance (Dong et al. 2019, TI): the gradient after a Gaussian kernel, 3σ to its edge.

    Args:
        gradient: `[B, C, H, W]`.
        side: of the kernel in pixels, odd.
    """
    values = torch.tensor(norm.pdf(torch.linspace(-3, 3, side).double().numpy()))
    kernel = torch.outer(values, values)
    kernel = (kernel / kernel.sum()).to(gradient).expand(gradient.shape[1], 1, side, side)
    return functional.conv2d(gradient, kernel, padding=side // 2, groups=gradient.shape[1])


def resized_and_padded(x: Tensor, uniform: Tensor, probability: float, smallest: float) -> Tensor:
    """Input diversity (Xie et al. 2019, DI): each image made smaller and put somewhere on black, or left as it is.

    Args:
        x: `[B, C, H, W]`.
        uniform: `[B, 4]` in [0, 1): for each image its size, row, column and whether it is changed.
        probability: with which an image is changed.
        smallest: least size as a share of the image's, below 1.
    """
    height, width = x.shape[-2:]
    rows = []
    for image, (size, top, left, chance) in zip(x.split(1), uniform.tolist(), strict=True):
        high, wide = (_between(size, int(side * smallest), side) for side in (height, width))
        above, before = int(top * (height - high)), int(left * (width - wide))
        if chance >= probability:
            rows.append(image)
            continue
        small = functional.interpolate(image, size=(high, wide), mode="bilinear", align_corners=False)
        rows.append(functional.pad(small, (before, width - wide - before, above, height - high - above)))
    return torch.cat(rows)


def _between(uniform: float, low: int, high: int) -> int:
    return max(1, low + int(uniform * (high - low)))


def in_ball(delta: Tensor, radius: float) -> Tensor:
    """Projection of each δ of `[B, C, H, W]` onto the L2 ball."""
    size = delta.flatten(1).norm(dim=1)[:, None, None, None]
    return torch.where(size > radius, delta * (radius / size.clamp_min(torch.finfo(size.dtype).tiny)), delta)
