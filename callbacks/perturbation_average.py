"""Accumulates Eq. 4.1 over a run, survives restarts, and writes the perturbation set."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Never

import pytorch_lightning as pl
import torch

from callbacks.partial_sums import State, added_up, holds_work, load_state, merge_states, number_of, save_state
from callbacks.run_description import compare, describe_run, refuse_misfits, with_missing, without
from datamodules.claims import Claim, shared_store
from datamodules.replicas import ReplicaBatch, ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.exact_mean import ExactMean
from lit_adv.files import check_writable, read_json, write_json
from lit_adv.perturbation_set import EVALUATION, MANIFEST, TENSORS, PerturbationSet

LONGEST_WAIT: Final = 55.0
"""Seconds between saves at most, but for batches that last longer."""
SIGN_OF_LIFE: Final = 5.0
"""Seconds between a process's signs of life."""
GIVEN_UP: Final = 60.0
"""Seconds after which a process without a sign of life is taken for dead."""


class PerturbationAverage(pl.Callback):
    """Sums this process's perturbations exactly, saves the sums now and then, and writes the averages at the end.

    The run's folder is the trainer's `default_root_dir`. Until the set is complete it holds `partial/`: `run.json`
    (what the run is) and sums with the list of batches in them, one file for each process of the present start and
    one merged file for all earlier starts. A restart adds up what is there and does the rest, whatever the number of
    processes. When one process fails it leaves a note in `partial/stopped`, and the others save and stop too; when a
    model fails and is to be skipped, in `partial/failed-NUMBER.json`.

    Args:
        save_every: seconds between saves; more, up to 55, where saving takes long.
        restart: delete what is in the run's folder, finished or not, and begin anew.
    """

    def __init__(self, save_every: float = 20.0, restart: bool = False) -> None:
        self.save_every = save_every
        self.restart = restart
        self._running = self._adding = False
        self._batches = self._perturbations = 0
        self._working = self._saving = 0.0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        data, module = trainer.datamodule, pl_module  # type: ignore[attr-defined]
        assert isinstance(data, ReplicaDataModule)
        assert isinstance(module, AttackModule)
        self.out = Path(trainer.default_root_dir)
        self.partial = self.out / "partial"
        self.stopped = self.partial / "stopped"
        refuse_misfits(module, data)
        self.run = describe_run(module, data)
        if self.restart:
            if trainer.is_global_zero:
                delete_run(self.out)
            trainer.strategy.barrier("deleted")
        resumes = self._refuse_other_runs()
        check_writable(self.partial)
        self.mean = ExactMean(tuple(data.selection.images.shape), data.plan.models * data.plan.copies)
        self.done = torch.zeros(len(data.plan), dtype=torch.uint8)
        self.checksum = torch.zeros(len(data.plan), dtype=torch.int64)
        trainer.strategy.barrier("checked")
        if trainer.is_global_zero:
            for note in (self.stopped, *self.partial.glob("finished-*.json"), *self.partial.glob("failed-*.json")):
                note.unlink(missing_ok=True)
            write_json(self.partial / "run.json", self.run)
            merge_states(self.partial, self._state(), keep=resumes)
        trainer.strategy.barrier("merged")
        (merged,) = self.partial.glob("merged-*.safetensors")
        data.done = load_state(merged)["done"].bool()
        self.state_file = self.partial / f"start-{number_of(merged)}-process-{trainer.global_rank}.safetensors"
        self._running = True
        self._saved = time.monotonic()
        self._alive = shared_store("alive")
        threading.Thread(target=self._give_signs_of_life, args=(trainer.global_rank,), daemon=True).start()

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning's own handler only takes note of the signal, and its predict loop never looks.
        signal.signal(signal.SIGTERM, _terminate)
        self._started = time.monotonic()

    def on_predict_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, AttackModule)
        pl_module.failed |= self._failed()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: ReplicaBatch, *_: Any
    ) -> None:
        assert isinstance(pl_module, AttackModule)
        if batch.model not in pl_module.failed:
            self._add(pl_module, outputs, batch)
        if batch.model in pl_module.failed:
            self._note_failure(pl_module, batch.model)
        if time.monotonic() - self._saved >= min(max(self.save_every, 50 * self._saving), LONGEST_WAIT):
            self._save()
        self._stop_with_the_others()
        self._working = time.monotonic() - self._started

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if not self._running:
            return
        self._running = False
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # Lightning kills the processes that it has launched, and an observer this one too: let all of them save before.
        procs: list[subprocess.Popen[bytes]] = getattr(trainer.strategy.launcher, "procs", [])
        launched = procs.copy()
        procs.clear()
        for process in launched:
            process.terminate()
        try:
            if not self._adding:  # broken off amid an addition, sums and list would not agree; the last save counts
                self._save()
        finally:
            with suppress(OSError):  # a full disk, say; the others hear of it when this process ends
                if not self.stopped.exists():
                    reason = str(exception) or type(exception).__name__
                    self.stopped.write_text(f"process {trainer.global_rank} stopped: {reason}")
            for process in launched:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
            signal.signal(signal.SIGTERM, _terminate)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Not on_predict_end: Lightning leaves that out where nothing is left to do, and the sum is still to be made.
        # Not a barrier: it would give up after half an hour, or fail without a word when another process failed.
        assert isinstance(pl_module, AttackModule)
        self._save()
        share = {
            "process": trainer.global_rank,
            "batches": self._batches,
            "perturbations": self._perturbations,
            "seconds": self._working,
            "in_attacks": pl_module.attacking,
        }
        write_json(self.partial / f"finished-{trainer.global_rank}.json", share)
        if not trainer.is_global_zero:
            return
        self._wait_for_the_others(trainer.world_size)
        shares = [read_json(self.partial / f"finished-{rank}.json") for rank in range(trainer.world_size)]
        self._finish(trainer, pl_module)
        self._running = False
        for line in describe_shares(shares):
            print(line, file=sys.stderr)

    def _add(self, module: AttackModule, perturbation: torch.Tensor, batch: ReplicaBatch) -> None:
        self._adding = True
        try:
            checksum = self.mean.add(batch.image, perturbation)
        except ValueError as error:
            names = ", ".join(s.name for s in module.sources[batch.model : batch.model + batch.models])
            module.skip(batch, InputError(f"source model {names}, batch {batch.number}: {error}; remove that model"))
        else:
            self.checksum[batch.number] = checksum
            self.done[batch.number] = 1
            self._batches += 1
            self._perturbations += len(batch.image)
        self._adding = False

    def _failed(self) -> dict[int, str]:
        """The source models that processes have found to fail, and why."""
        notes = [read_json(path) for path in self.partial.glob("failed-*.json")]
        return {note["position"]: note["reason"] for note in notes}

    def _note_failure(self, module: AttackModule, position: int) -> None:
        note = self.partial / f"failed-{position}.json"
        if not note.exists():
            reason = module.failed[position]
            write_json(note, {"position": position, "reason": reason})
            print(f"left out: {module.sources[position].name}: {reason}", file=sys.stderr)

    def _wait_for_the_others(self, processes: int) -> None:
        signs, since = dict.fromkeys(range(processes), 0), time.monotonic()
        heard = dict.fromkeys(range(processes), since)
        while waiting := [r for r in range(processes) if not (self.partial / f"finished-{r}.json").exists()]:
            self._stop_with_the_others()
            time.sleep(0.1)
            for rank in waiting:
                if (sign := self._alive.add(str(rank), 0)) != signs[rank]:
                    signs[rank], heard[rank] = sign, time.monotonic()
                if time.monotonic() - heard[rank] > GIVEN_UP:
                    raise InputError(
                        f"process {rank} has ended without a word (what is done is kept in {self.partial}); "
                        "start the same command again to do the rest"
                    )

    def _give_signs_of_life(self, rank: int) -> None:
        with suppress(RuntimeError):  # the first process has gone; this one finds out by itself
            while self._running:
                self._alive.add(str(rank), 1)
                time.sleep(SIGN_OF_LIFE)

    def _finish(self, trainer: pl.Trainer, module: AttackModule) -> None:
        data: ReplicaDataModule = trainer.datamodule  # type: ignore[attr-defined]
        state = added_up(self.partial, self._state())
        mean = ExactMean(tuple(state["total"].shape), data.plan.models * data.plan.copies)
        mean.total, mean.count = state["total"], state["count"]
        failed = self._failed()
        fails = torch.tensor([data.plan.models_of(number).start in failed for number in range(len(data.plan))])
        done = state["done"].bool()
        if not (done | fails).all():
            raise InputError(
                f"{self.out}: {int(done.sum())} of {len(done)} batches are done and kept; "
                "start the same command again to do the rest"
            )
        for number in (done & fails).nonzero()[:, 0].tolist():
            batch = data.dataset()[Claim(number, None)]
            take_out(mean, trainer, module, batch, int(state["checksum"][number]))
        expected = (data.plan.models - len(failed)) * data.plan.copies
        if (mean.count != expected).any():
            raise RuntimeError(f"counts are {mean.count.tolist()}, {expected} were to be averaged")
        packages = ("lit-adv", "torch", "pytorch-lightning", "numpy")
        PerturbationSet(
            perturbation=mean.mean(),
            image=data.selection.images,
            label=data.selection.labels,
            target=data.selection.targets,
            count=mean.count,
            manifest={
                **without(self.run, failed),
                "versions": {name: version(name) for name in packages},
            },
        ).save(self.out)
        shutil.rmtree(self.partial)

    def _state(self) -> State:
        return {"total": self.mean.total, "count": self.mean.count, "done": self.done, "checksum": self.checksum}

    def _save(self) -> None:
        began = time.monotonic()
        save_state(self.state_file, self._state())
        self._saved = time.monotonic()
        self._saving = self._saved - began

    def _stop_with_the_others(self) -> None:
        if self.stopped.exists():
            raise InputError(f"{self.stopped.read_text()} (what is done is kept in {self.partial})")

    def _refuse_other_runs(self) -> bool:
        """Whether an unfinished run of the same settings is there to continue."""
        finished, unfinished = self.out / MANIFEST, self.partial / "run.json"
        resumes = True
        for path, what in ((finished, "finished"), (unfinished, "unfinished")):
            if path.exists() and (differences := compare(with_missing(read_json(path)), self.run)):
                if what == "unfinished" and self.stopped.exists() and not holds_work(self.partial):
                    resumes = False  # it ended, by a mistake in its settings perhaps, and nothing is lost
                    continue
                raise InputError(
                    f"{self.out} holds a different {what} run ({differences}); "
                    "choose another --out or delete that folder"
                )
        if finished.exists():
            missing = [model["name"] for model in PerturbationSet.load(self.out).manifest.get("missing", [])]
            shutil.rmtree(self.partial, ignore_errors=True)
            but = f", without {', '.join(missing)}, which failed; --restart tries again" if missing else ""
            raise AlreadyDone(f"{self.out} holds this perturbation set already{but or '; nothing to do'}")
        return resumes


def delete_run(out: Path) -> None:
    """Deletes a perturbation set, its evaluation, and what an unfinished run has left; other files stay."""
    for name in (MANIFEST, TENSORS, EVALUATION):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / "partial", ignore_errors=True)


def take_out(mean: ExactMean, trainer: pl.Trainer, module: AttackModule, batch: ReplicaBatch, checksum: int) -> None:
    """Takes a batch off the sums whose model has failed at another one, by making its perturbations again.

    Raises:
        InputError: they cannot be made again, or not to the same bits.
    """
    module.to(trainer.strategy.root_device).failed.clear()
    perturbation = module.predict_step(trainer.strategy.batch_to_device(batch))
    problem = module.failed.get(batch.model)
    if problem is None:
        try:
            mean.subtract(batch.image, perturbation, checksum)
        except ValueError as error:
            problem = str(error)
    if problem is not None:
        raise InputError(
            f"source model {module.sources[batch.model].name} has failed, and what it gave before cannot be taken off "
            f"the averages: {problem}; mend it, or begin anew with --restart"
        )


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


def _terminate(*_: object) -> Never:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + signal.SIGTERM)
