"""The fixed list of batches that a run must do, and how processes share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lit_adv.errors import InputError

PIECES: Final = 64
"""Pieces that a process takes at least, where there are as many batches."""


@dataclass(frozen=True)
class PlannedBatch:
    """One slice of (image, copy) pairs, for one source model or for each of several.

    Attributes:
        index: the batch's number in the plan.
        models: the source models' positions.
        image: `[B]`, positions in the selection of images.
        copy: `[B]`, numbers of the noisy copies.
    """

    index: int
    models: range
    image: npt.NDArray[np.int64]
    copy: npt.NDArray[np.int64]


@dataclass(frozen=True)
class WorkPlan:
    """m·n perturbations for each image, model by model, in batches that depend on these numbers alone.

    Attributes:
        models: m, the number of source models.
        images: the number of images.
        copies: n, the number of noisy copies of each image for each model.
        batch_size: pairs (image, copy) in a batch; a model's last batch may be smaller.
        stacked: so many consecutive models share a batch, each with all of its pairs; the last ones may be fewer.
    """

    models: int
    images: int
    copies: int
    batch_size: int
    stacked: int = 1

    def __post_init__(self) -> None:
        for name in ("models", "images", "copies", "batch_size", "stacked"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")

    @property
    def pairs(self) -> int:
        """Perturbations that each model contributes."""
        return self.images * self.copies

    @property
    def batches_per_stack(self) -> int:
        return -(-self.pairs // self.batch_size)

    def __len__(self) -> int:
        return -(-self.models // self.stacked) * self.batches_per_stack

    def models_of(self, index: int) -> range:
        """The source models of batch `index`."""
        first = index // self.batches_per_stack * self.stacked
        return range(first, min(first + self.stacked, self.models))

    def batch(self, index: int) -> PlannedBatch:
        """The batch number `index`, 0 ≤ index < len(plan)."""
        part = index % self.batches_per_stack
        pairs = np.arange(part * self.batch_size, min((part + 1) * self.batch_size, self.pairs))
        image, copy = np.divmod(pairs, self.copies)
        return PlannedBatch(index, self.models_of(index), image, copy)

    def rows(self, index: int) -> int:
        """How many perturbations batch `index` makes."""
        return len(self.models_of(index)) * self._pairs(index)

    def _pairs(self, index: int) -> int:
        part = index % self.batches_per_stack
        return min((part + 1) * self.batch_size, self.pairs) - part * self.batch_size

    def cost(self, index: int, costs: Sequence[float]) -> float:
        """What batch `index` costs; `costs` holds one weight for each model."""
        return self._pairs(index) * sum(costs[model] for model in self.models_of(index))


def cut(plan: WorkPlan, todo: Sequence[int], costs: Sequence[float], processes: int) -> list[npt.NDArray[np.int64]]:
    """Contiguous pieces of `todo`, of which processes take one after the other, the next whenever one is free.

    A piece costs at most 1/64 of what a process does on average: networks can take ten times as long as their
    multiply-accumulates say. Towards the end pieces get smaller, down to single batches, so that all processes end at
    about the same time. While there are batches enough, no process goes without. A single process takes all at once.

    Args:
        plan: the whole plan.
        todo: batch numbers still to do, ascending.
        costs: one weight for each model (its multiply-accumulates, say).
        processes: how many there are.
    """
    numbers = np.asarray(todo, dtype=np.int64)
    if processes == 1:
        return [numbers] if len(numbers) else []
    ends = np.cumsum([plan.cost(i, costs) for i in numbers.tolist()])
    pieces: list[npt.NDArray[np.int64]] = []
    first = 0
    while first < len(numbers):
        begun = ends[first - 1] if first else 0.0
        size = min((ends[-1] - begun) / 2, ends[-1] / PIECES) / processes
        spare = len(numbers) - max(processes - len(pieces) - 1, 0)
        last = max(min(int(np.searchsorted(ends, begun + size, side="right")), spare), first + 1)
        pieces.append(numbers[first:last])
        first = last
    return pieces
