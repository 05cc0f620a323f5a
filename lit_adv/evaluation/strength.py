"""Adversarial examples of equal norm (thesis 4.8.3, Table 4.4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

import torch
from torch import Tensor

from lit_adv.perturbations.noise import Stream, gaussian_noise


def adversarial_example(image: Tensor, perturbation: Tensor, epsilon: float) -> Tensor:
    """x + ε·sign(δ) (Eq. 4.3), not clipped; all `[N, C, H, W]`."""
    return image + epsilon * perturbation.sign()


def equal_l2(image: Tensor, perturbation: Tensor, epsilon: float) -> Tensor:
    """x + r·δ/‖δ‖₂ with r = ε·√d, d the number of an image's values; not clipped; all `[N, C, H, W]`.

    Beside Eq. 4.3: ε·sign(δ) has the largest L2 norm that an L∞ norm of ε allows, r where no value of δ is 0, and it
    forgets how large each value is. A δ of 0 leaves the image as it is.
    """
    return image + epsilon * sqrt(image[0].numel()) * _unit(perturbation).to(image.dtype)


Scale = Literal["sign", "norm", "own"]
"""What becomes of δ before it is added to an image: ε·sign(δ), δ with the L2 norm that signs have, or δ itself."""
CHANGED: Final[Mapping[Scale, Callable[[Tensor, Tensor, float], Tensor]]] = {
    "sign": adversarial_example,
    "norm": equal_l2,
    "own": lambda image, perturbation, _: image + perturbation,
}
"""The changed images `[N, C, H, W]` of images, perturbations and ε."""


@dataclass(frozen=True)
class Norms:
    """Norms of changes of images, the means over the images.

    Attributes:
        linf: L∞, the largest absolute value, in pixel values of [0, 1].
        l2: L2, the root of the sum of squares.
    """

    linf: float
    l2: float


def norms(perturbation: Tensor, epsilon: float) -> dict[str, Norms]:
    """Returns the norms of both changes of images: `attack`, by `adversarial_example`, and `attack_l2`, by `equal_l2`.

    Args:
        perturbation: δ `[N, C, H, W]`.
        epsilon: ε.
    """
    found = {}
    for name, changed in (("attack", adversarial_example), ("attack_l2", equal_l2)):
        parts = [changed(torch.zeros_like(some), some, epsilon).flatten(1).double() for some in perturbation.split(64)]
        linf, l2 = (torch.cat([rows.norm(p, dim=1) for rows in parts]).mean() for p in (torch.inf, 2))
        found[name] = Norms(float(linf), float(l2))
    return found


def random_noise(image: Tensor, epsilon: float, seed: int = 0, first: int = 0) -> Tensor:
    """x with ±ε at random in every pixel, the reference for Eq. 4.3; not clipped.

    Args:
        image: `[N, C, H, W]`.
        epsilon: ε.
        seed: of the signs.
        first: the position of `image[0]` in its set, so that the signs do not depend on batches.
    """
    draws = ((0, first + i, 0) for i in range(len(image)))
    return image + epsilon * gaussian_noise(seed, draws, tuple(image.shape[1:]), stream=Stream.SIGNS).sign().to(image)


def _unit(perturbation: Tensor) -> Tensor:
    """δ/‖δ‖₂ `[N, C, H, W]` however minute δ is, as gradients may be; 0 where δ is 0."""
    rows = perturbation.flatten(1)
    rows = rows / rows.abs().amax(1, keepdim=True).clamp_min(torch.finfo(rows.dtype).tiny)
    return torch.nn.functional.normalize(rows, eps=torch.finfo(rows.dtype).tiny).view_as(perturbation)
