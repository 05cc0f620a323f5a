"""Sums of a run in one process, in memory alone or kept in the run's folder too."""

from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from lit_adv.files import expanded
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.manifest import Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.perturbations.run_folder import RunFolder
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.saving import Saving

SAVE_EVERY = 20.0
"""Seconds between saves."""


class KeptSums:
    """Context in which sums grow; whatever ends it, what was done before is kept.

    Args:
        folder: the run's folder; None keeps nothing.
        sums: empty sums.
        manifest: the run's; None without a folder.
        restart: delete what is in the folder.

    Raises:
        AlreadyDone: on entering: the folder holds this very set.
        InputError: on entering: it holds another run, or cannot be written.

    Attributes:
        done: `[batches]` bool, batches that earlier starts have finished.
    """

    def __init__(self, folder: Path | None, sums: RunSums, manifest: Manifest | None, restart: bool) -> None:
        self._folder = None if folder is None else RunFolder(expanded(folder))
        self._sums = sums
        self._manifest = manifest
        self._restart = restart
        self._adding = False
        self._saving: Saving | None = None
        self.done: Tensor = torch.zeros(len(sums.done), dtype=torch.bool, device="cpu")

    def __enter__(self) -> Self:
        if self._folder is not None:
            assert self._manifest is not None
            start = self._folder.open(self._manifest, self._sums.state(), self._restart)
            self.done = start.done
            self._start = start.number
            self._saving = Saving(self._folder.state_file(start.number, 0), self._sums, SAVE_EVERY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is None:
            return
        try:
            if error is not None and self._saving is not None and not self._adding:
                self._saving.save()
            if error is not None and not (self.done.any() or self._sums.done.any()):
                self._folder.remove_partial()
            elif error is not None:
                error.add_note(f"{self._folder.kept}; the same call continues")
        finally:
            self._folder.close()

    def rows(self, plan: WorkPlan) -> int:
        """Returns the number of perturbations that earlier starts have made."""
        return sum(plan.rows(number) for number in self.done.nonzero()[:, 0].tolist())

    def add(self, batch: ReplicaBatch, perturbation: Tensor) -> None:
        """Adds the perturbations `[B, C, H, W]` of a batch, and saves when it is time.

        Raises:
            ValueError: see `ExactMean.add`; nothing is added then.
            InputError: the folder cannot be written.
        """
        self._adding = True  # broken off here, sums and list would not agree; the last save counts
        try:
            self._sums.add(batch, perturbation)
        except ValueError:
            self._adding = False
            raise
        self._adding = False
        if self._saving is not None:
            self._saving.save_when_due()

    def add_up(self) -> None:
        """Adds the sums of earlier starts to those of this one."""
        if self._folder is not None and self._saving is not None:
            saving, self._saving = self._saving, None  # whatever breaks this off, the total is not saved as a part
            saving.save()
            self._sums.load(self._folder.added_up(self._start, 1, self._sums.state()))

    def finish(self, found: PerturbationSet) -> None:
        """Writes the finished set, and deletes what only the unfinished run needs.

        Raises:
            InputError: the folder cannot be written.
        """
        if self._folder is not None:
            found.save(self._folder.path)
            self._folder.remove_partial()
