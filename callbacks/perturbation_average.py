"""Accumulates Eq. 4.1 over a run, survives restarts, and writes the perturbation set."""

import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from callbacks.finish_average import finish, refuse_none_left
from callbacks.run_description import attack_and_data, cells_of, describe_run, refuse_misfits
from callbacks.stages import Stages
from callbacks.stop_signals import StopSignals
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cell_sums import CellSums
from lit_adv.perturbations.manifest import Weight
from lit_adv.perturbations.run_folder import RunFolder, Start
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.saving import Saving
from lit_adv.perturbations.schedule import Work, describe_work
from lit_adv.perturbations.staged_plan import Stage, StagedPlan
from lit_adv.processes import Launched, Peers, shared_store
from lit_adv.terminal import say


class PerturbationAverage(pl.Callback):
    """Sums this process's perturbations exactly, saves the sums now and then, and writes the averages at the end.

    The run's folder is the trainer's `default_root_dir`; `lit_adv.perturbations.run_folder` says what it holds. A
    restart adds up the sums that are there and does the rest, whatever the number of processes. What processes must
    know of each other while they run (one stopped, a model failed, one is alive or has finished) is in the store that
    they share, see `lit_adv.processes`.

    Args:
        save_every: seconds between saves; more, up to 55, where saving takes long.
        restart: delete what is in the run's folder, finished or not, and begin anew.
        growth: sum in cells that tell how the average grows with m and n.
        groups: number of groups of source models whose sums are kept; by default that of the run that is in the
            folder, else 10, or the number of models where they are fewer.
        weight: how perturbations are weighted, see `lit_adv.perturbations.run_sums.RunSums`.
        until: stop once this reliability is reached, see `callbacks.stages`; the data module must be `staged`.
    """

    def __init__(
        self,
        save_every: float = 20.0,
        restart: bool = False,
        growth: bool = False,
        groups: int | None = None,
        weight: Weight = "none",
        until: float | None = None,
    ) -> None:
        self.save_every = save_every
        self.restart = restart
        self.growth = growth
        self.groups = groups
        self.weight: Weight = weight
        self.until = until
        self._running = False
        self._stages: Stages | None = None
        self._work = Work(0, 0, 0, 0.0, 0.0)
        self._opened = ExitStack()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        self.module, self.data = attack_and_data(trainer, pl_module)
        refuse_misfits(self.module, self.data)
        self.folder = RunFolder(Path(trainer.default_root_dir))
        there = self.folder.options() if trainer.is_global_zero and not self.restart else (None, False)
        self.cells = cells_of(self.data, *trainer.strategy.broadcast(there), self.groups, self.growth)
        device = trainer.strategy.root_device
        self.manifest = describe_run(self.module, self.data, device, self.cells, self.weight)
        self.sums = self._empty()
        start = self._start(trainer)
        self.data.done = start.done
        self.number = start.number
        self._saving = Saving(self.folder.state_file(start.number, trainer.global_rank), self.sums, self.save_every)
        self._signals = StopSignals()
        self._launched = Launched(trainer.strategy.launcher, self.folder.kept)
        self._peers = Peers(shared_store("run"), trainer.global_rank, trainer.world_size, self.folder.kept)
        self._peers.give_signs_of_life(self._signals.stop)
        for close in (self.folder.close, self._signals.end, self._peers.close):
            self._opened.callback(close)
        if self.until is not None:
            assert isinstance(self.data.plan, StagedPlan)
            self._stages = Stages(
                self.data.plan, start.done, self.until, self._peers, self._saving.save, self._sums_of,
                self._stop_with_the_others,
            )  # fmt: skip
            self.data.enter = self._stages.enter
        self._running = True

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._signals.heed()  # Lightning's own handler only takes note of a signal, and its predict loop never looks
        self._started = time.monotonic()

    def on_predict_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        self._hear_failures()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: ReplicaBatch, *_: Any
    ) -> None:
        if len(outputs):
            self._add(outputs, batch)
        for position, reason in self._peers.tell_failures(self.module.failed).items():
            say(f"left out: {self.module.sources[position].name}: {reason}")
        self._saving.save_when_due()
        self._stop_with_the_others()
        self._work.seconds = time.monotonic() - self._started

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if not self._running:
            Launched(trainer.strategy.launcher, "").terminate()
            return
        self._running = False
        self._peers.close()
        self._signals.ignore()
        self._launched.terminate()
        with self._opened:
            try:
                # Broken off amid an addition, sums and list would not agree; the last save counts.
                if not self._signals.holding:
                    self._saving.save()
            finally:
                number = self._signals.number
                self._peers.stop(f"signal {number}" if number else str(exception) or type(exception).__name__)
                self._launched.wait()
                if trainer.world_size == 1 and not (self.data.done.any() or self.sums.done.any()):
                    self.folder.remove_partial()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Not on_predict_end: Lightning leaves that out where nothing is left to do, and the sum is still to be made.
        # Not a barrier: it would give up after half an hour, or fail without a word when another process failed.
        self._signals.heed()  # Lightning has taken the handlers away
        self._saving.save()
        self._work.process, self._work.in_attacks = trainer.global_rank, self.module.seconds_in_attacks
        self._peers.finish(asdict(self._work))
        if trainer.is_global_zero:
            everyone = self._peers.wait_for_all(self._stop_with_the_others)
            total = self._total()
            self._hear_failures()
            whole = Stage(self.data.plan.models, self.data.plan.copies)
            reached = whole if self._stages is None else self._stages.plan.stages[self._stages.at]
            finish(trainer, self.module, self.data, total, self.manifest, self.folder, reached, self.until)
            for line in describe_work([Work(**work) for work in everyone]):
                say(line)
        self._running = False
        self._opened.close()

    def _start(self, trainer: pl.Trainer) -> Start:
        """Opens the folder on the first process; all processes learn what came of it."""
        opened: Start | Exception | None = None
        if trainer.is_global_zero:
            try:
                opened = self.folder.open(self.manifest, self.sums.state(), self.restart, self.until)
            except (InputError, AlreadyDone) as error:
                opened = error
        opened = trainer.strategy.broadcast(opened)
        if isinstance(opened, Exception):
            raise opened
        assert opened is not None
        return opened

    def _empty(self) -> RunSums:
        bits = self.module.attack.fraction_bits
        return RunSums(self.data.plan, self.data.image_shape, self.cells, self.weight, bits)

    def _total(self) -> RunSums:
        total = self._empty()
        total.load(self.folder.added_up(self.number, self._peers.processes, total.state()))
        return total

    def _sums_of(self, stage: Stage) -> CellSums:
        return self._total().kept(sorted(self.cells.taken[: stage.models].tolist()))

    def _add(self, perturbation: torch.Tensor, batch: ReplicaBatch) -> None:
        with self._signals.held():
            try:
                self.sums.add(batch, perturbation)
            except ValueError as error:
                problem = error
            else:
                self._work.batches += 1
                self._work.perturbations += len(batch.image)
                return
        models = range(batch.model, batch.model + batch.models)
        names = ", ".join(self.module.sources[position].name for position in models)
        reason = f"source model {names}, batch {batch.number}: {problem}"
        self.module.skip(models, InputError(reason))

    def _hear_failures(self) -> None:
        for position, reason in self._peers.hear_failures().items():
            self.module.failed.setdefault(position, reason)
        refuse_none_left(self.module)

    def _stop_with_the_others(self) -> None:
        self._signals.check()
        self._peers.refuse_stopped()
        self._launched.refuse_ended()
