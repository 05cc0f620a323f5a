"""Averages whose bits do not depend on the order of addition."""

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
            The sum of all integers that were added, modulo 2⁶⁴: whoever adds other perturbations gets another.

        Raises:
            ValueError: a value is NaN, infinite or too large for an exact sum; nothing is added then.
        """
        delta = perturbation.detach().cpu().double()
        largest = delta.abs().max().item()
        if not largest <= self.limit:
            raise ValueError(f"a perturbation's magnitude is {largest}; it must be a number of at most {self.limit:g}")
        integers = (delta * 2.0**FRACTION_BITS).round().long()
        self.total.index_add_(0, image.cpu(), integers)
        self.count += torch.bincount(image.cpu(), minlength=len(self.count))
        return int(integers.sum())

    def subtract(self, image: Tensor, perturbation: Tensor, checksum: int) -> None:
        """Takes off perturbations that were added, found anew.

        Args:
            image: as in `add`.
            perturbation: as in `add`.
            checksum: what `add` returned.

        Raises:
            ValueError: these are not bit for bit the perturbations that were added.
        """
        found = ExactMean(tuple(self.total.shape), 1)
        found.limit = self.limit
        if found.add(image, perturbation) != checksum:
            raise ValueError("the perturbations are not bit for bit those that were added")
        self.total -= found.total
        self.count -= found.count

    def mean(self) -> Tensor:
        """The means `[N, C, H, W]` float32; NaN where nothing was added."""
        count = self.count.view(-1, *[1] * (self.total.ndim - 1))
        return (self.total.double() / (count * 2.0**FRACTION_BITS)).float()
