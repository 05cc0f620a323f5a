"""Averages whose bits do not depend on the order of addition."""

import hashlib
from typing import Final

import torch
from torch import Tensor

FRACTION_BITS: Final = 40
"""Binary digits after the point that a perturbation keeps."""
LARGEST_TOTAL: Final = 2.0**22
"""Bound of Σ|δ|, so that Σδ·2⁴⁰ stays below 2⁶³."""


class ExactMean:
    """The mean perturbation of each image (Eq. 4.1), summed exactly.

    Floating-point sums depend on their order, and so on the number of processes and on restarts; integer sums do not.
    Each δ is rounded to a multiple of 2⁻⁴⁰ and added as int64.

    Args:
        shape: `(N, C, H, W)` of all images.
        expected: m·n, the number of perturbations that each image will get; it bounds their magnitude.

    Attributes:
        total: `[N, C, H, W]` int64, Σδ·2⁴⁰.
        count: `[N]` int64, perturbations added to each image.
    """

    def __init__(self, shape: tuple[int, ...], expected: int) -> None:
        self.limit = LARGEST_TOTAL / expected
        self.total = torch.zeros(shape, dtype=torch.int64)
        self.count = torch.zeros(shape[0], dtype=torch.int64)

    def add(self, image: Tensor, perturbation: Tensor) -> int:
        """Adds perturbations.

        Args:
            image: `[B]` int64, the image that each belongs to.
            perturbation: `[B, C, H, W]`, δ.

        Returns:
            A hash of the perturbations and their images.

        Raises:
            ValueError: a value is NaN, infinite or too large for an exact sum; nothing is added then.
        """
        integers = self._integers(perturbation)
        checksum = _hash(image, integers)
        self.total.index_add_(0, image.cpu(), integers)
        self.count += torch.bincount(image.cpu(), minlength=len(self.count))
        return checksum

    def subtract(self, image: Tensor, perturbation: Tensor, checksum: int) -> None:
        """Takes off perturbations that were added; they must have been made again.

        Args:
            image: as in `add`.
            perturbation: as in `add`.
            checksum: the value of `add`.

        Raises:
            ValueError: these are not the perturbations that were added, bit for bit.
        """
        integers = self._integers(perturbation)
        if _hash(image, integers) != checksum:
            raise ValueError("the perturbations are not bit for bit those that were added")
        self.total.index_add_(0, image.cpu(), -integers)
        self.count -= torch.bincount(image.cpu(), minlength=len(self.count))

    def _integers(self, perturbation: Tensor) -> Tensor:
        delta = perturbation.detach().cpu().double()
        largest = delta.abs().max().item()
        if not largest <= self.limit:
            raise ValueError(f"a perturbation's magnitude is {largest}; it must be a number of at most {self.limit:g}")
        return (delta * 2.0**FRACTION_BITS).round().long()

    def mean(self) -> Tensor:
        """Returns the means `[N, C, H, W]` float32; NaN where nothing was added."""
        count = self.count.view(-1, *[1] * (self.total.ndim - 1))
        return (self.total.double() / (count * 2.0**FRACTION_BITS)).float()


def _hash(image: Tensor, integers: Tensor) -> int:
    content = hashlib.blake2b(image.cpu().numpy().tobytes(), digest_size=8)
    content.update(integers.contiguous().numpy())
    return int.from_bytes(content.digest(), "little", signed=True)
