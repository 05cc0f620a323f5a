"""A progress line for perturbations: done, rate, time left."""

import sys
import time
from typing import Any, Final

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from callbacks.run_description import attack_and_data
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.processes import shared_store
from lit_adv.terminal import Unfailing

LINE_EVERY: Final = 10.0
"""Seconds between lines if the output is no terminal."""


class PerturbationProgress(pl.Callback):
    """Shows, on the first process, how many perturbations all processes have made, the rate, and the time left."""

    def __init__(self) -> None:
        self._console = Console(file=Unfailing(sys.stderr))  # type: ignore[arg-type]  # it is all that rich uses of one
        self._bar: Progress | None = None

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _, data = attack_and_data(trainer, pl_module)
        self._total = data.plan.models * data.plan.pairs
        self._before = sum(data.plan.rows(i) for i in data.done.nonzero()[:, 0].tolist())
        self._started = self._said = time.monotonic()
        self._store = shared_store("perturbations")
        if not trainer.is_global_zero:
            return
        plan = data.plan
        workers = f"{trainer.world_size} processes" if trainer.world_size > 1 else "1 process"
        parts = f"{plan.models} models × {plan.images} images × {plan.copies} copies"
        self._say(f"{self._total} perturbations: {parts}, {workers}")
        if self._before:
            self._say(f"{self._before} of them are done already; continuing")
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("perturbations"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}/s"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.add_task("", total=self._total, completed=self._before, rate="–")
            self._bar.start()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: ReplicaBatch, *_: Any
    ) -> None:
        made = self._store.add("made", len(batch.label))
        if not trainer.is_global_zero:
            return
        now = time.monotonic()
        rate = made / (now - self._started)
        done = self._before + made
        if self._bar is not None:
            self._bar.update(TaskID(0), completed=done, rate=f"{rate:.3g}")
        elif now - self._said >= LINE_EVERY:
            self._said = now
            self._say(f"{done} of {self._total} perturbations, {rate:.3g}/s, {(self._total - done) / rate:.0f} s left")

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()
        if trainer.is_global_zero:
            seconds = time.monotonic() - self._started
            self._say(f"this process is done after {seconds:.0f} s")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False)
