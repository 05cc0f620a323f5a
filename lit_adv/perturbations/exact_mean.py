"""Averages whose bits do not depend on the order of addition."""

import hashlib
from math import isfinite
from typing import Final, Literal

import torch
from torch import Tensor

from lit_adv.errors import InputError

WORD_BITS: Final = 40
"""Binary digits after the point for each int64 word of a sum."""
LARGEST_TOTAL: Final = 2.0**22
"""Bound of Σ|δ|, so that Σδ·2⁴⁰ stays below 2⁶³."""
MOST: Final = 2**22
"""Most perturbations in a sum, so that further words, each at most 2³⁹, stay below 2⁶³ too."""


SQUARE_SCALE: Final = 2.0**-6
"""Factor of squares that are summed, so that those of perturbations above 1 have room."""


class ExactMean:
    """The mean perturbation of each image (Eq. 4.1), summed exactly.

    Floating-point sums depend on their order, and so on the number of processes and on restarts; integer sums do not.
    Each δ is rounded to a multiple of 2⁻⁴⁰ and added as int64. With 80 fraction bits the rest is rounded to a multiple
    of 2⁻⁸⁰ and added in a second word, and so on.

    Args:
        shape: `(N, C, H, W)` of all images.
        expected: m·n, the number of perturbations that each image will get, at most 2²²; it bounds their magnitude.
        fraction_bits: binary digits after the point that each δ keeps, a multiple of 40.

    Raises:
        InputError: `expected` is too large.

    Attributes:
        total: `[words, N, C, H, W]` int64; Σδ is the sum of `total[w]`·2⁻⁴⁰⁽ʷ⁺¹⁾.
        count: `[N]` int64, perturbations added to each image.
    """

    def __init__(self, shape: tuple[int, ...], expected: int, fraction_bits: int = WORD_BITS) -> None:
        if expected > MOST:
            raise InputError(
                f"{expected} perturbations of an image are more than can be summed exactly, {MOST}; choose fewer copies"
            )
        self.limit = LARGEST_TOTAL / expected
        self.unit = 2.0**-fraction_bits
        self.total = torch.zeros((fraction_bits // WORD_BITS, *shape), dtype=torch.int64, device="cpu")
        self.count = torch.zeros(shape[0], dtype=torch.int64, device="cpu")

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
        self.total.index_add_(1, image.cpu(), integers)
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
        self.total.index_add_(1, image.cpu(), -integers)
        self.count -= torch.bincount(image.cpu(), minlength=len(self.count))

    def put(self, image: Tensor, value: Tensor, sign: Literal[1, -1]) -> None:
        """Adds, or with `sign` −1 takes off, numbers `[B, C, H, W]` that are known to fit; they are not counted."""
        self.total.index_add_(1, image.cpu(), sign * self._integers(value))

    def rounds_to_zero(self, perturbation: Tensor) -> Tensor:
        """Tells which perturbations of `[B, C, H, W]` are 0 once rounded; `[B]` bool."""
        return perturbation.detach().abs().amax((1, 2, 3)).cpu() <= self.unit / 2

    def _integers(self, perturbation: Tensor) -> Tensor:
        delta = perturbation.detach().cpu().double()
        largest = delta.abs().max().item()
        if not isfinite(largest):
            raise ValueError(f"a perturbation's magnitude is {largest}; take that model out")
        if largest > self.limit:
            raise ValueError(
                f"a perturbation's magnitude is {largest:g}, too large for an exact sum of so many, at most "
                f"{self.limit:g} each; choose fewer copies, or an attack that goes less far"
            )
        words, rest = [], delta
        for _ in self.total:
            scaled = rest * 2.0**WORD_BITS
            words.append(scaled.round())
            rest = scaled - words[-1]  # exact
        return torch.stack(words).long()

    def mean(self) -> Tensor:
        """Returns the means `[N, C, H, W]` float32; NaN where nothing was added."""
        total = torch.zeros(self.total.shape[1:], dtype=torch.float64, device="cpu")
        for place, word in enumerate(self.total, 1):
            total += word.double() * 2.0 ** (-WORD_BITS * place)
        return (total / self.count.view(-1, *[1] * (total.ndim - 1))).float()


def _hash(image: Tensor, integers: Tensor) -> int:
    content = hashlib.blake2b(image.cpu().numpy().tobytes(), digest_size=8)
    content.update(integers.contiguous().numpy())
    return int.from_bytes(content.digest(), "little", signed=True)
