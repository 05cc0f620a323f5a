"""Plan of a run that may stop early: batches in stages, each of which adds models or copies evenly."""

from bisect import bisect
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import sqrt
from typing import Final, NamedTuple

from lit_adv.perturbations.plan import PlannedBatch, WorkPlan

FIRST: Final = 5
"""Models of the first stage: fewer tell little of how models differ."""
STEP: Final = sqrt(2)
"""Factor by which a stage has more models, or more copies, than the one before."""


class Stage(NamedTuple):
    """An average that a run passes through.

    Attributes:
        models: number of source models, each with
        copies: noisy copies.
    """

    models: int
    copies: int


def stages(models: int, copies: int) -> list[Stage]:
    """Returns the averages on the way to m models and n copies: one copy first, for models add more than copies do."""
    return [*(Stage(m, 1) for m in _steps(FIRST, models)), *(Stage(models, n) for n in _steps(1, copies)[1:])]


def _steps(first: int, last: int) -> list[int]:
    found, size = [], float(first)
    while size < last:
        found.append(int(size))
        size = max(size * STEP, int(size) + 1)
    return [*found, last]


class _Block(NamedTuple):
    """Batches that add copies from `copy` on to models from `rank` on."""

    stage: int
    rank: int
    copy: int
    plan: WorkPlan


@dataclass(frozen=True)
class StagedPlan(WorkPlan):
    """The batches of a run in stages; after each, all models taken so far have the same copies.

    Attributes:
        taken: positions of the source models, in the order in which they are taken.
    """

    taken: tuple[int, ...] = ()

    @cached_property
    def stages(self) -> list[Stage]:
        """The averages that the run passes through, the last of all models and copies."""
        return stages(self.models, self.copies)

    @cached_property
    def _blocks(self) -> list[_Block]:
        found, done = [], Stage(0, 0)
        for number, stage in enumerate(self.stages):
            if stage.copies > done.copies and done.models:
                more = WorkPlan(done.models, self.images, stage.copies - done.copies, self.batch_size)
                found.append(_Block(number, 0, done.copies, more))
            if stage.models > done.models:
                more = WorkPlan(stage.models - done.models, self.images, stage.copies, self.batch_size)
                found.append(_Block(number, done.models, 0, more))
            done = stage
        return found

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *accumulate(len(block.plan) for block in self._blocks)]

    def __len__(self) -> int:
        return self._starts[-1]

    def _place(self, index: int) -> tuple[_Block, int]:
        number = bisect(self._starts, index) - 1
        return self._blocks[number], index - self._starts[number]

    def stage_of(self, index: int) -> int:
        """Returns the stage that batch `index` belongs to."""
        return self._place(index)[0].stage

    def batches_until(self, stage: int) -> int:
        """Returns the number of batches up to the end of a stage."""
        return max(end for block, end in zip(self._blocks, self._starts[1:], strict=True) if block.stage <= stage)

    def models_of(self, index: int) -> range:
        """Returns the position of the source model of batch `index`."""
        block, own = self._place(index)
        model = self.taken[block.rank + block.plan.models_of(own).start]
        return range(model, model + 1)

    def batch(self, index: int) -> PlannedBatch:
        """Returns batch number `index`, 0 ≤ index < len(plan)."""
        block, own = self._place(index)
        planned = block.plan.batch(own)
        return PlannedBatch(index, self.models_of(index), planned.image, planned.copy + block.copy)

    def _pairs(self, index: int) -> int:
        block, own = self._place(index)
        return block.plan.rows(own)
