"""Sums of single numbers whose bits do not depend on the order of addition."""

from typing import Final

import torch
from torch import Tensor

from lit_adv.perturbations.exact_mean import WORD_BITS

UNIT: Final = 16.0
"""Unit of the first word, so that sums below 2⁶⁷ fit."""


class ExactScalars:
    """Sums of numbers in float64, kept as integers in words, as in `ExactMean`.

    Args:
        rows: number of sums.
        fraction_bits: binary digits after the point that each number keeps at least.

    Attributes:
        total: `[words, rows]` int64; a sum is that of `total[w]`·2⁴⁻⁴⁰ʷ.
    """

    def __init__(self, rows: int, fraction_bits: int) -> None:
        self.total = torch.zeros((2 + fraction_bits // WORD_BITS, rows), dtype=torch.int64, device="cpu")

    def add(self, row: Tensor, value: Tensor, sign: int = 1) -> None:
        """Adds, or with `sign` −1 takes off, numbers `[B]` float64 to the sums `[B]`."""
        rest = value.double() / UNIT
        for word in self.total:
            whole = rest.round()
            word.index_add_(0, row, sign * whole.long())
            rest = (rest - whole) * 2.0**WORD_BITS  # exact

    def sums(self) -> Tensor:
        """Returns the sums `[rows]` float64."""
        return as_numbers(self.total)


def as_numbers(total: Tensor) -> Tensor:
    """Returns float64 sums `[…]` of words `[words, …]`."""
    found = torch.zeros(total.shape[1:], dtype=torch.float64, device="cpu")
    for place in range(len(total) - 1, -1, -1):  # the smallest first
        found += total[place].double() * (UNIT * 2.0 ** (-WORD_BITS * place))
    return found


def square_norms(perturbation: Tensor) -> Tensor:
    """Returns ‖δ‖² `[B]` float64 of δ `[B, C, H, W]` on the CPU, the same bits whatever the batch and the threads."""
    rows = perturbation.double().contiguous().flatten(1).numpy()
    return torch.from_numpy((rows * rows).sum(1))
