"""The work of each process: as a simulation predicts it, and as it was."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lit_adv.perturbations.plan import WorkPlan


@dataclass
class Share:
    """The simulated work of one process.

    Attributes:
        seconds: its duration.
        batches: numbers of its batches, in order.
    """

    seconds: float = 0.0
    batches: list[int] = field(default_factory=list)

    def loads(self, plan: WorkPlan) -> int:
        """Returns the number of times that the process loads a model."""
        models = [plan.models_of(number).start for number in self.batches]
        return sum(a != b for a, b in zip(models, [-1, *models], strict=False))


def simulate(pieces: Sequence[npt.NDArray[np.int64]], seconds: npt.NDArray[np.float64], processes: int) -> list[Share]:
    """Returns the share of each process if whichever is free takes the next piece.

    Args:
        pieces: see `lit_adv.perturbations.plan.cut`.
        seconds: `[len(plan)]`, duration of each batch.
        processes: number of processes.
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
    """Returns max / mean − 1: the slowest process's excess over the mean."""
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
    """Returns lines for the user: the work of each process that had any, and the imbalance of several."""
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
