"""Processes work through the stages of a plan, and stop together where the sums are enough."""

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
import torch
from torch.distributed import HashStore

from callbacks.stages import Stages
from lit_adv.perturbations.cell_sums import CellSums
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.staged_plan import Stage, StagedPlan
from lit_adv.processes import Peers

PLAN = StagedPlan(20, 2, 3, 1, taken=tuple(range(20)))


class Work:
    """What processes have done."""

    def __init__(self, enough: Stage, done: torch.Tensor) -> None:
        self.enough = enough
        self.done = done
        self.seen: list[Stage] = []
        self.lock = Lock()

    def sums(self, stage: Stage) -> CellSums:
        """Sums whose two groups agree perfectly once the stage is enough, and not at all before."""
        assert int(self.done.sum()) == PLAN.batches_until(PLAN.stages.index(stage))
        self.seen.append(stage)
        alike = stage == self.enough
        groups = 5
        mean = ExactMean((groups * PLAN.images, 1, 4, 4), groups)
        draws = torch.randn(groups, PLAN.images, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        for group in range(groups):
            delta = draws[0] + 1e-3 * draws[group] if alike else draws[group]
            mean.add(torch.arange(PLAN.images) + group * PLAN.images, delta)
        words = torch.zeros((4, groups, PLAN.images), dtype=torch.int64)
        words[1] = 2**40  # equal scales
        return CellSums(
            Cells(groups, 1, None, groups),
            mean.total.unflatten(1, (groups, -1)),
            mean.count.unflatten(0, (groups, -1)),
            torch.zeros((1, PLAN.images, 1, 4, 4), dtype=torch.int64),
            words,
            tuple(range(groups)),
        )


def run(processes: int, work: Work, rho: float = 0.9) -> list[int]:
    """The stage in which each process ends."""
    store, left = HashStore(), [number for number in range(len(PLAN)) if not work.done[number]]
    before = work.done.bool().clone()

    def go(rank: int) -> int:
        peers = Peers(store, rank, processes, "")
        stages = Stages(PLAN, before, rho, peers, lambda: None, work.sums, lambda: None)
        dice = random.Random(rank)
        while True:
            with work.lock:
                number = left.pop(0) if left else None
            if not stages.enter(number) or number is None:
                return stages.at
            for _ in range(dice.randrange(1000)):
                pass
            with work.lock:
                work.done[number] = 1

    with ThreadPoolExecutor() as threads:
        return list(threads.map(go, range(processes)))


@pytest.mark.parametrize("processes", [1, 3])
def test_all_stop_after_the_first_stage_that_is_enough(processes: int) -> None:
    enough = PLAN.stages[3]
    work = Work(enough, torch.zeros(len(PLAN)))
    assert run(processes, work) == [3] * processes
    assert work.seen == PLAN.stages[:4]


@pytest.mark.parametrize("processes", [1, 3])
def test_where_nothing_is_enough_all_is_done(processes: int) -> None:
    work = Work(Stage(0, 0), torch.zeros(len(PLAN)))
    assert run(processes, work) == [len(PLAN.stages) - 1] * processes
    assert work.seen == PLAN.stages[:-1]
    assert work.done.all()


def test_a_stage_that_is_begun_is_done() -> None:
    done = torch.zeros(len(PLAN))
    done[: PLAN.batches_until(3) + 1] = 1
    work = Work(PLAN.stages[3], done)
    run(2, work)
    assert work.seen == PLAN.stages[4:-1]


def test_after_an_interruption_between_stages_the_sums_are_looked_at() -> None:
    done = torch.zeros(len(PLAN))
    done[: PLAN.batches_until(3)] = 1
    work = Work(PLAN.stages[3], done)
    assert run(2, work) == [3, 3]
    assert work.seen == [PLAN.stages[3]]
