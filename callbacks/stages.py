"""Stages of a run that stops once its average is reliable enough."""

from collections.abc import Callable
from math import prod
from typing import Final

from torch import Tensor

from lit_adv.perturbations.cell_sums import CellSums
from lit_adv.perturbations.grouped_sums import in_parts
from lit_adv.perturbations.reliability import lower_bounds
from lit_adv.perturbations.staged_plan import Stage, StagedPlan
from lit_adv.processes import Peers
from lit_adv.terminal import counted, say

SHARE: Final = 0.9
"""Share of the images whose reliability must be at least the one that is asked for."""


class Stages:
    """Where the processes of a run meet between stages, and the first decides whether to go on.

    It decides from exact sums over whole stages, so that neither the number of processes nor restarts change where a
    run stops. A stage that an earlier start began is done whatever the sums say.

    Args:
        plan: the plan.
        done: `[batches]` bool, batches that earlier starts have finished.
        rho: the reliability that is asked for.
        peers: the processes.
        save: saves this process's sums.
        sums: adds up all processes' sums of a stage and those before it; called on the first process.
        check: raises when another process has stopped.

    Attributes:
        at: the stage that this process works in; the last one once the work has ended.
    """

    def __init__(
        self,
        plan: StagedPlan,
        done: Tensor,
        rho: float,
        peers: Peers,
        save: Callable[[], None],
        sums: Callable[[Stage], CellSums],
        check: Callable[[], None],
    ) -> None:
        self.plan = plan
        self._rho = rho
        self._peers = peers
        self._save = save
        self._sums = sums
        self._check = check
        self.at = max(map(plan.stage_of, done.nonzero()[:, 0].tolist()), default=0)

    def enter(self, first: int | None) -> bool:
        """Waits for the end of all stages before that of a batch; returns whether to go on.

        Args:
            first: number of the batch; None after the last one.
        """
        wanted = len(self.plan.stages) - 1 if first is None else self.plan.stage_of(first)
        while self.at < wanted:
            self._save()
            if not self._peers.meet(f"stage-{self.at}", lambda: not self._is_enough(), self._check):
                return False
            self.at += 1
        return True

    def _is_enough(self) -> bool:
        stage = self.plan.stages[self.at]
        reached = reliable_images(self._sums(stage), self._rho)
        images = self.plan.images
        enough = reached >= SHARE * images
        say(
            f"{stage.models} models, {counted(stage.copies, 'copy', 'copies')}: the average is reliable "
            f"(ρ at least {self._rho:g}) for {reached} of {images} images; {'enough' if enough else 'going on'}"
        )
        return enough


def reliable_images(sums: CellSums, rho: float) -> int:
    """Returns the number of images whose reliability is at least ρ, by its lower bound."""
    images, *shape = sums.total.shape[2:]
    parts = in_parts(sums.grouped, images, len(sums.groups), prod(shape))
    return sum(int((lower_bounds(part) >= rho).sum()) for part in parts)
