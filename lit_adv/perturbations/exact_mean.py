"""Averages whose bits do not depend on the order of addition."""

import hashlib

import torch
from torch import Tensor

FRACTION_BITS = 40
LARGEST_TOTAL = 2.0**22


class ExactMean:
    """The mean perturbation of each image (Eq. 4.1), summed exactly.

    Floating-point sums depend on their order, and so on the number of processes and on restarts; integer sums do not.
    Each δ is rounded to a multiple of 2⁻⁴⁰ and added as int64.

    Args:
        shape: `(N, C, H, W)`, all images.
        expected: m·n, how many perturbations each image will get; bounds their magnitude.

    Attributes:
        total: `[N, C, H, W]` int64, Σδ·2⁴⁰.
        count: `[N]` int64.
    """

    def __init__(self, shape: tuple[int, ...], expected: int) -> None:
        self.limit = LARGEST_TOTAL / expected
        self.total = torch.zeros(shape, dtype=torch.int64)
        self.count = torch.zeros(shape[0], dtype=torch.int64)

    def add(self, image: Tensor, perturbation: Tensor) -> int:
        """Adds perturbations.

        Args:
            image: `[B]` int64, which image each belongs to.
            perturbation: `[B, C, H, W]`.

        Returns:
            A hash of what was added.

        Raises:
            ValueError: a value is NaN, infinite or too large for an exact sum; nothing is added then.
        """
        integers = self._integers(perturbation)
        checksum = _hash(image, integers)
        self.total.index_add_(0, image.cpu(), integers)
        self.count += torch.bincount(image.cpu(), minlength=len(self.count))
        return checksum

    def subtract(self, image: Tensor, perturbation: Tensor, checksum: int) -> None:
        """Takes off perturbations that were added, found anew.

        Args:
            image: as in `add`.
            perturbation: as in `add`.
            checksum: what `add` returned.

        Raises:
            ValueError: these are not bit for bit the perturbations that were added.
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
        """The means `[N, C, H, W]` float32; NaN where nothing was added."""
        count = self.count.view(-1, *[1] * (self.total.ndim - 1))
        return (self.total.double() / (count * 2.0**FRACTION_BITS)).float()


def _hash(image: Tensor, integers: Tensor) -> int:
    content = hashlib.blake2b(image.cpu().numpy().tobytes(), digest_size=8)
    content.update(integers.contiguous().numpy())
    return int.from_bytes(content.digest(), "little", signed=True)
