"""Accumulates Eq. 4.1 over a run, survives restarts, and writes the perturbation set."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
import torch
from filelock import FileLock, Timeout

from callbacks.run_description import describe_run, refuse_misfits
from datamodules.claims import BatchClaim
from datamodules.replicas import ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.files import check_writable, read_json, write_json
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.growth import GROWTH, Cells, Growth
from lit_adv.perturbations.manifest import Manifest, compare, versions
from lit_adv.perturbations.partial_sums import (
    State,
    added_up,
    holds_work,
    load_state,
    merge_states,
    number_of,
    save_state,
)
from lit_adv.perturbations.perturbation_set import EVALUATION, MANIFEST, TENSORS, PerturbationSet
from lit_adv.processes import shared_store

LONGEST_WAIT: Final = 55.0
"""Seconds between saves at most, but for batches that last longer."""
SIGN_OF_LIFE: Final = 5.0
"""Seconds between a process's signs of life."""
GIVEN_UP: Final = 60.0
"""Seconds after which a process without a sign of life is taken for dead."""
SIGNALS: Final[dict[signal.Signals, Any]] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
"""Signals that end a run with everything saved, and what they do otherwise."""


class PerturbationAverage(pl.Callback):
    """Sums this process's perturbations exactly, saves the sums now and then, and writes the averages at the end.

    The run's folder is the trainer's `default_root_dir`. Until the set is complete it holds `partial/`: `run.json`
    (what the run is) and sums with the list of batches in them, one file for each process of the present start and
    one merged file for all earlier starts. A restart adds up what is there and does the rest, whatever the number of
    processes. What processes must know of each other while they run (that one stopped, that a model failed, that one
    is alive or has finished) is in the store that they share.

    Args:
        save_every: seconds between saves; more, up to 55, where saving takes long.
        restart: delete what is in the run's folder, finished or not, and begin anew.
        growth: sum in cells that tell how the average grows with m and n, and keep them beside the set.
    """

    def __init__(self, save_every: float = 20.0, restart: bool = False, growth: bool = False) -> None:
        self.save_every = save_every
        self.restart = restart
        self.growth = growth
        self._running = self._adding = self._lost = False
        self._signal = self._failures = self._batches = self._perturbations = 0
        self._working = self._saving = 0.0
        self._told: set[int] = set()
        self._launched: list[subprocess.Popen[bytes]] = []

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        data, module = trainer.datamodule, pl_module  # type: ignore[attr-defined]
        assert isinstance(data, ReplicaDataModule)
        assert isinstance(module, AttackModule)
        self.out = Path(trainer.default_root_dir)
        self.partial = self.out / "partial"
        refuse_misfits(module, data)
        self.growth = trainer.strategy.broadcast(self.growth or (trainer.is_global_zero and self._grew()))
        self.manifest = describe_run(module, data, trainer.strategy.root_device)
        self.run = {**self.manifest.to_json(), "growth": self.growth}
        self.cells = Cells(data.plan.models, data.plan.copies, data.seed) if self.growth else None
        self.images = len(data.selection.labels)
        self.mean = self._empty_mean(data)
        self.done = torch.zeros(len(data.plan), dtype=torch.uint8)
        self.checksum = torch.zeros(len(data.plan), dtype=torch.int64)
        opened: tuple[int, torch.Tensor] | Exception | None = None
        if trainer.is_global_zero:
            try:
                opened = self._open()
            except (InputError, AlreadyDone) as error:
                opened = error
        opened = trainer.strategy.broadcast(opened)
        if isinstance(opened, Exception):
            raise opened
        assert opened is not None
        number, done = opened
        data.done = done.bool()
        self.state_file = self._state_file(number, trainer.global_rank)
        self._number = number
        self._store = shared_store("run")
        self._running = True
        self._saved = time.monotonic()
        # Lightning watches the processes that it has launched, and kills all when one ends; here they save first.
        procs: list[subprocess.Popen[bytes]] = getattr(trainer.strategy.launcher, "procs", [])
        self._launched = procs.copy()
        procs.clear()
        threading.Thread(target=self._give_signs_of_life, args=(trainer.global_rank,), daemon=True).start()

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._heed_signals()
        self._started = time.monotonic()

    def on_predict_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, AttackModule)
        self._learn_of_failures(pl_module)

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: ReplicaBatch, *_: Any
    ) -> None:
        assert isinstance(pl_module, AttackModule)
        if len(outputs):
            self._add(pl_module, outputs, batch)
        self._tell_of_failures(pl_module)
        if time.monotonic() - self._saved >= min(max(self.save_every, 50 * self._saving), LONGEST_WAIT):
            self._save()
        self._stop_with_the_others()
        self._working = time.monotonic() - self._started

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if not self._running:
            return
        self._running = False
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for process in self._launched:
            process.terminate()
        try:
            if not self._adding:  # broken off amid an addition, sums and list would not agree; the last save counts
                self._save()
        finally:
            with suppress(RuntimeError):  # the first process has gone, and the store with it
                if not self._store.check(["stopped"]):
                    reason = f"signal {self._signal}" if self._signal else str(exception) or type(exception).__name__
                    self._store.set("stopped", f"process {trainer.global_rank} stopped: {reason}")
            for process in self._launched:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
            self._close()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Not on_predict_end: Lightning leaves that out where nothing is left to do, and the sum is still to be made.
        # Not a barrier: it would give up after half an hour, or fail without a word when another process failed.
        assert isinstance(pl_module, AttackModule)
        self._heed_signals()  # Lightning has taken the handlers away
        self._save()
        share = {
            "process": trainer.global_rank,
            "batches": self._batches,
            "perturbations": self._perturbations,
            "seconds": self._working,
            "in_attacks": pl_module.seconds_in_attacks,
        }
        self._store.set(f"finished-{trainer.global_rank}", json.dumps(share))
        if trainer.is_global_zero:
            self._wait_for_the_others(trainer.world_size)
            shares = [json.loads(self._store.get(f"finished-{rank}")) for rank in range(trainer.world_size)]
            self._finish(trainer, pl_module)
            for line in describe_shares(shares):
                print(line, file=sys.stderr)
        self._running = False
        self._close()

    def _open(self) -> tuple[int, torch.Tensor]:
        """On the first process: the number of this start, and which batches are done."""
        if (self.out / MANIFEST).exists() and not self.restart:
            self._refuse_finished()
        check_writable(self.partial)
        self._lock = FileLock(self.partial / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"{self.out}: another start of this run is at work; wait for it, or stop it") from error
        try:
            keep = not self.restart and self._continues()
            if self.restart:
                for name in (MANIFEST, TENSORS, GROWTH, EVALUATION):
                    (self.out / name).unlink(missing_ok=True)
            merged = merge_states(self.partial, self._state(), keep)
            write_json(self.partial / "run.json", self.run)
            return number_of(merged), load_state(merged)["done"]
        except BaseException:
            self._lock.release()
            raise

    def _refuse_finished(self) -> None:
        asked = {name: value for name, value in self.run.items() if name not in ("device", "torch", "growth")}
        there = Manifest.load(self.out / MANIFEST).with_missing().to_json()
        if self.growth and "growth" not in there:
            asked["growth"] = True
        if differences := compare(there, asked):
            raise InputError(
                f"{self.out} holds a different finished run ({differences}); choose another --out, or --restart"
            )
        missing = [model.name for model in PerturbationSet.load(self.out).manifest.missing]
        shutil.rmtree(self.partial, ignore_errors=True)
        but = f", without {', '.join(missing)}, which failed; --restart tries again" if missing else "; nothing to do"
        raise AlreadyDone(f"{self.out} holds this perturbation set already{but}")

    def _grew(self) -> bool:
        """Whether there is an unfinished run that is made to tell how its average grows; then it goes on so."""
        run = self.partial / "run.json"
        return not self.restart and run.exists() and bool(read_json(run).get("growth"))

    def _continues(self) -> bool:
        """Whether the sums in the folder are of this run; those of another are refused, unless they are empty."""
        run = self.partial / "run.json"
        if not run.exists() or not (differences := compare({"growth": False, **read_json(run)}, self.run)):
            return True
        if holds_work(self.partial):
            raise InputError(
                f"{self.out} holds a different unfinished run ({differences}); choose another --out, or --restart"
            )
        return False

    def _heed_signals(self) -> None:
        # Lightning's own handler only takes note of a signal, and its predict loop never looks.
        for number in SIGNALS:
            signal.signal(number, self._end)

    def _end(self, number: int, _: object) -> None:
        for other in SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        self._signal = number
        if not self._adding:
            self._stop_by_signal()

    def _stop_by_signal(self) -> None:
        if self._lost:
            raise InputError(f"lost touch with the first process; start the same command again ({self._kept()})")
        if self._signal:
            raise SystemExit(128 + self._signal)

    def _close(self) -> None:
        for number, usual in SIGNALS.items():
            signal.signal(number, usual)
        if hasattr(self, "_lock"):
            self._lock.release()

    def _add(self, module: AttackModule, perturbation: torch.Tensor, batch: ReplicaBatch) -> None:
        self._adding = True
        try:
            checksum = self.mean.add(self._rows(batch), perturbation)
        except ValueError as error:
            self._adding = False
            names = ", ".join(s.name for s in module.sources[batch.model : batch.model + batch.models])
            reason = f"source model {names}, batch {batch.number}: {error}; remove that model"
            module.skip(range(batch.model, batch.model + batch.models), InputError(reason))
        else:
            self.checksum[batch.number] = checksum
            self.done[batch.number] = 1
            self._batches += 1
            self._perturbations += len(batch.image)
            self._adding = False
        self._stop_by_signal()

    def _learn_of_failures(self, module: AttackModule) -> None:
        while self._failures < self._store.add("failures", 0):
            self._failures += 1
            note = json.loads(self._store.get(f"failure-{self._failures}"))
            self._told.add(note["place"])
            module.failed.setdefault(note["place"], note["reason"])
        if len(module.failed) == len(module.sources):
            raise InputError(f"no source model is left; the last: {[*module.failed.values()][-1]}")

    def _tell_of_failures(self, module: AttackModule) -> None:
        for place in module.failed.keys() - self._told:
            self._told.add(place)
            print(f"left out: {module.sources[place].name}: {module.failed[place]}", file=sys.stderr)
            note = json.dumps({"place": place, "reason": module.failed[place]})
            self._store.set(f"failure-{self._store.add('failures', 1)}", note)

    def _wait_for_the_others(self, processes: int) -> None:
        signs, heard = [0] * processes, [time.monotonic()] * processes
        while waiting := [rank for rank in range(processes) if not self._store.check([f"finished-{rank}"])]:
            self._stop_with_the_others()
            time.sleep(0.1)
            for rank in waiting:
                if (sign := self._store.add(f"alive-{rank}", 0)) != signs[rank]:
                    signs[rank], heard[rank] = sign, time.monotonic()
                if time.monotonic() - heard[rank] > GIVEN_UP:
                    raise InputError(
                        f"process {rank} has ended without a word; start the same command again ({self._kept()})"
                    )

    def _give_signs_of_life(self, rank: int) -> None:
        try:
            while self._running:
                self._store.add(f"alive-{rank}", 1)
                time.sleep(SIGN_OF_LIFE)
        except RuntimeError:  # the first process has gone, and the store with it
            if self._running:
                self._lost = True
                os.kill(os.getpid(), signal.SIGTERM)

    def _finish(self, trainer: pl.Trainer, module: AttackModule) -> None:
        data: ReplicaDataModule = trainer.datamodule  # type: ignore[attr-defined]
        paths = [self._state_file(self._number, rank) for rank in range(trainer.world_size)]
        state = added_up(self.partial, self._state(), paths)
        mean = self._empty_mean(data)
        mean.total, mean.count = state["total"], state["count"]
        self._learn_of_failures(module)
        done = state["done"].bool()
        fails = torch.tensor([bool(module.failed.keys() & data.plan.models_of(i)) for i in range(len(data.plan))])
        if not (done | fails).all():
            raise InputError(
                f"{self.out}: {int(done.sum())} of {len(done)} batches are done and kept; "
                "start the same command again to do the rest"
            )
        module.to(trainer.strategy.root_device)
        for number in fails.nonzero()[:, 0].tolist():
            batch = trainer.strategy.batch_to_device(data.dataset()[BatchClaim(number, None)])
            if done[number]:
                take_out(mean, module, batch, self._rows(batch), int(state["checksum"][number]))
            else:
                add_healthy(mean, module, batch, self._rows)
        self._learn_of_failures(module)
        made = replace(self.manifest.without(module.failed), versions=versions())
        if self.cells is None:
            (self.out / GROWTH).unlink(missing_ok=True)
        else:
            growth = Growth.of(self.cells, mean)
            made = replace(made, growth=growth.save(self.out))
            mean = growth.whole()
        expected = (data.plan.models - len(module.failed)) * data.plan.copies
        if (mean.count != expected).any():
            raise RuntimeError(f"counts are {mean.count.tolist()}, {expected} were to be averaged")
        PerturbationSet(
            perturbation=mean.mean(),
            image=data.selection.images,
            label=data.selection.labels,
            target=data.selection.targets,
            count=mean.count,
            manifest=made,
        ).save(self.out)
        shutil.rmtree(self.partial, ignore_errors=True)

    def _empty_mean(self, data: ReplicaDataModule) -> ExactMean:
        cells = 1 if self.cells is None else len(self.cells)
        return ExactMean((cells * self.images, *data.image_shape), data.plan.models * data.plan.copies)

    def _rows(self, batch: ReplicaBatch) -> torch.Tensor:
        """Where in the sums each perturbation of a batch goes."""
        image = batch.image.cpu()
        if self.cells is None:
            return image
        model = batch.model + torch.arange(batch.models).repeat_interleave(len(image) // batch.models)
        return self.cells.cell(model, batch.copy.cpu()) * self.images + image

    def _state(self) -> State:
        return {"total": self.mean.total, "count": self.mean.count, "done": self.done, "checksum": self.checksum}

    def _state_file(self, number: int, rank: int) -> Path:
        return self.partial / f"start-{number}-process-{rank}.safetensors"

    def _save(self) -> None:
        began = time.monotonic()
        save_state(self.state_file, self._state())
        self._saved = time.monotonic()
        self._saving = self._saved - began

    def _stop_with_the_others(self) -> None:
        self._stop_by_signal()
        if self._store.check(["stopped"]):
            raise InputError(f"{self._store.get('stopped').decode()} ({self._kept()})")
        for place, process in enumerate(self._launched):
            if process.poll():
                raise InputError(
                    f"process {place + 1} of this machine has ended with code {process.returncode} ({self._kept()})"
                )

    def _kept(self) -> str:
        return f"what is done is kept in {self.partial}"


def take_out(mean: ExactMean, module: AttackModule, batch: ReplicaBatch, rows: torch.Tensor, checksum: int) -> None:
    """Takes a batch off the sums whose model has failed at another one, by making its perturbations again.

    Args:
        mean: the sums.
        module: the attack.
        batch: the batch.
        rows: `[B]`, where in the sums its perturbations are.
        checksum: what `ExactMean.add` returned for it.

    Raises:
        InputError: they cannot be made again, or not to the same bits.
    """
    reason = module.failed.pop(batch.model)
    perturbation = module.predict_step(batch)
    problem = module.failed.get(batch.model)
    if problem is None:
        try:
            mean.subtract(rows, perturbation, checksum)
        except ValueError as error:
            problem = str(error)
    if problem is not None:
        name = module.sources[batch.model].name
        raise InputError(
            f"source model {name} has failed, and what it gave before cannot be taken off the averages: {problem}; "
            f"mend it, or begin anew with --restart and --model.sources without {name}"
        )
    module.failed[batch.model] = reason


def add_healthy(
    mean: ExactMean, module: AttackModule, batch: ReplicaBatch, rows: Callable[[ReplicaBatch], torch.Tensor]
) -> None:
    """Adds the perturbations of those models of a stack that have not failed, one model after the other."""
    for part in batch.parts():
        perturbation = module.predict_step(part)
        if len(perturbation):
            mean.add(rows(part), perturbation)


def describe_shares(shares: Sequence[Mapping[str, float]]) -> list[str]:
    """What each process did, and how unevenly, in lines for the user; nothing where none did anything.

    Args:
        shares: of each process `process`, `batches`, `perturbations`, `seconds` from its first batch to its last, and
            how many of these passed `in_attacks`.
    """
    busy = [share for share in shares if share["batches"]]
    lines = [
        f"process {share['process']}: {share['batches']} batches, {share['perturbations']} perturbations, "
        f"{share['seconds']:.0f} s, {100 * share['in_attacks'] / share['seconds']:.1f} % of them in attacks"
        for share in busy
    ]
    if len(busy) > 1:
        times = [share["seconds"] for share in shares]
        excess = max(times) / (sum(times) / len(times)) - 1
        lines.append(f"imbalance: the slowest took {100 * excess:.0f} % longer than the mean")
    return lines
