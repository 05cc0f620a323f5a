"""The fixed list of a run's batches, and its division among processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lit_adv.errors import InputError

PIECES: Final = 64
"""Least number of pieces for each process, if there are enough batches."""
MOST_BATCHES: Final = 1_000_000
"""Most batches of a run: each process keeps a list of them."""


@dataclass(frozen=True)
class PlannedBatch:
    """A slice of (image, copy) pairs, for one source model or for each of several.

    Attributes:
        index: the batch's number in the plan.
        models: positions of the source models.
        image: `[B]`, positions in the selection of images.
        copy: `[B]`, numbers of the noisy copies.
    """

    index: int
    models: range
    image: npt.NDArray[np.int64]
    copy: npt.NDArray[np.int64]


@dataclass(frozen=True)
class WorkPlan:
    """The batches of m·n perturbations for each image, model by model; they depend on these numbers alone.

    Attributes:
        models: m, number of source models.
        images: number of images.
        copies: n, noisy copies of each image for each model.
        batch_size: pairs (image, copy) in a batch; a model's last batch may be smaller.
        stacked: consecutive models that share a batch, each with all of its pairs; the last batch may have fewer.
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
        batches = -(-self.models // self.stacked) * self.batches_per_stack
        if batches > MOST_BATCHES:
            raise InputError(
                f"{batches} batches are more than the {MOST_BATCHES} that can be planned; raise batch_size, or lower "
                "copies"
            )

    @property
    def pairs(self) -> int:
        """Number of perturbations that each model contributes."""
        return self.images * self.copies

    @property
    def batches_per_stack(self) -> int:
        """Number of batches in which each group of stacked models contributes its perturbations."""
        return -(-self.pairs // self.batch_size)

    def __len__(self) -> int:
        return -(-self.models // self.stacked) * self.batches_per_stack

    def models_of(self, index: int) -> range:
        """Returns the positions of the source models of batch `index`."""
        first = index // self.batches_per_stack * self.stacked
        return range(first, min(first + self.stacked, self.models))

    def batch(self, index: int) -> PlannedBatch:
        """Returns batch number `index`, 0 ≤ index < len(plan)."""
        part = index % self.batches_per_stack
        pairs = np.arange(part * self.batch_size, min((part + 1) * self.batch_size, self.pairs))
        image, copy = np.divmod(pairs, self.copies)
        return PlannedBatch(index, self.models_of(index), image, copy)

    def rows(self, index: int) -> int:
        """Returns the number of perturbations in batch `index`."""
        return len(self.models_of(index)) * self._pairs(index)

    def _pairs(self, index: int) -> int:
        part = index % self.batches_per_stack
        return min((part + 1) * self.batch_size, self.pairs) - part * self.batch_size

    def cost(self, index: int, costs: Sequence[float]) -> float:
        """Returns the cost of batch `index`; `costs` holds the weight of each model."""
        return self._pairs(index) * sum(costs[model] for model in self.models_of(index))


def cut(plan: WorkPlan, todo: Sequence[int], costs: Sequence[float], processes: int) -> list[npt.NDArray[np.int64]]:
    """Cuts `todo` into contiguous pieces; whichever process is free takes the next.

    A piece costs at most 1/64 of a process's mean share, for networks can take ten times as long as their
    multiply-accumulates suggest. Towards the end pieces shrink to single batches, so that all processes end at about
    the same time. If there are enough batches, no process goes without. A single process takes all at once.

    Args:
        plan: the plan.
        todo: numbers of batches still to do, ascending.
        costs: the weight of each model, such as its multiply-accumulates.
        processes: number of processes.
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
