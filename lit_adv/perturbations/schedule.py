"""The work of each process: as a simulation predicts it, and as it was."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lit_adv.perturbations.plan import WorkPlan


@dataclass
class Share:
    """What one process does.

    Attributes:
        seconds: how long.
        batches: their numbers, in order.
    """

    seconds: float = 0.0
    batches: list[int] = field(default_factory=list)

    def loads(self, plan: WorkPlan) -> int:
        """How often it changes its model, the first one counted."""
        models = [plan.models_of(number).start for number in self.batches]
        return sum(a != b for a, b in zip(models, [-1, *models], strict=False))


def simulate(pieces: Sequence[npt.NDArray[np.int64]], seconds: npt.NDArray[np.float64], processes: int) -> list[Share]:
    """The shares when whoever is free takes the next piece.

    Args:
        pieces: see `lit_adv.perturbations.plan.cut`.
        seconds: `[len(plan)]`, what each batch takes.
        processes: how many there are.
    """
    shares = [Share() for _ in range(processes)]
    free = [(0.0, rank) for rank in range(processes)]
    for piece in pieces:
        _, rank = heapq.heappop(free)
        shares[rank].seconds += float(seconds[piece].sum())
        shares[rank].batches += piece.tolist()
        heapq.heappush(free, (shares[rank].seconds, rank))
    return shares


def imbalance(seconds: Sequence[float]) -> float:
    """By how much of it the slowest process exceeds the mean."""
    return max(seconds) / (sum(seconds) / len(seconds)) - 1


@dataclass
class Work:
    """The work that one process has done.

    Attributes:
        process: the process's number.
        batches: number of batches.
        perturbations: number of perturbations in them.
        seconds: from its first batch to its last.
        in_attacks: seconds of these spent in attacks.
    """

    process: int
    batches: int
    perturbations: int
    seconds: float
    in_attacks: float


def describe_work(everyone: Sequence[Work]) -> list[str]:
    """Lines for the user on the work of each process that had any, and its imbalance if more than one had."""
    busy = [work for work in everyone if work.batches]
    lines = [
        f"process {work.process}: {work.batches} batches, {work.perturbations} perturbations, "
        f"{work.seconds:.0f} s, {100 * work.in_attacks / work.seconds:.1f} % of them in attacks"
        for work in busy
    ]
    if len(busy) > 1:
        excess = imbalance([work.seconds for work in everyone])
        lines.append(f"imbalance: the slowest took {100 * excess:.0f} % longer than the mean")
    return lines
