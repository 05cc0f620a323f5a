"""Accumulates Eq. 4.1 over a run, survives restarts, and writes the perturbation set."""

import hashlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Never

import pytorch_lightning as pl
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from datamodules.replicas import ReplicaBatch, ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.exact_mean import ExactMean
from lit_adv.files import atomic_path, check_writable, read_json, write_json
from lit_adv.perturbation_set import EVALUATION, MANIFEST, TENSORS, PerturbationSet

State = dict[str, Tensor]
"""`total` and `count` of `ExactMean`, and `done` `[batches]` uint8: which batches they hold."""


class PerturbationAverage(pl.Callback):
    """Sums this process's perturbations exactly, saves the sums now and then, and writes the averages at the end.

    The run's folder is the trainer's `default_root_dir`. Until the set is complete it holds `partial/`: `run.json`
    (what the run is) and sums with the list of batches in them, one file for each process of the present start and
    one merged file for all earlier starts. A restart adds up what is there and does the rest, whatever the number of
    processes. When one process fails it leaves a note in `partial/stopped`, and the others save and stop too.

    Args:
        save_every: seconds between saves.
        restart: delete what is in the run's folder, finished or not, and begin anew.
    """

    def __init__(self, save_every: float = 20.0, restart: bool = False) -> None:
        self.save_every = save_every
        self.restart = restart
        self._running = False
        self._batches = self._perturbations = 0
        self._in_batches = self._working = 0.0

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
        self.expected = data.plan.models * data.plan.copies
        self.mean = ExactMean(tuple(data.selection.images.shape), self.expected)
        self.done = torch.zeros(len(data.plan), dtype=torch.uint8)
        trainer.strategy.barrier("checked")
        if trainer.is_global_zero:
            for note in (self.stopped, *self.partial.glob("finished-*.json")):
                note.unlink(missing_ok=True)
            write_json(self.partial / "run.json", self.run)
            merge_states(self.partial, self._state(), keep=resumes)
        trainer.strategy.barrier("merged")
        merged = merged_file(self.partial)
        assert merged is not None
        data.done = load_state(merged)["done"].bool()
        self.state_file = self.partial / f"start-{number_of(merged)}-process-{trainer.global_rank}.safetensors"
        self._running = True
        self._saved = time.monotonic()

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning's own handler only takes note of the signal, and its predict loop never looks.
        signal.signal(signal.SIGTERM, _terminate)
        self._started = time.monotonic()

    def on_predict_batch_start(self, *_: Any) -> None:
        self._begun = time.monotonic()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: ReplicaBatch, *_: Any
    ) -> None:
        try:
            self.mean.add(batch.image, outputs)
        except ValueError as error:
            assert isinstance(pl_module, AttackModule)
            names = ", ".join(s.name for s in pl_module.sources[batch.model : batch.model + batch.models])
            raise InputError(f"source model {names}, batch {batch.number}: {error}; remove that model") from error
        self._in_batches += time.monotonic() - self._begun
        self.done[batch.number] = 1
        self._batches += 1
        self._perturbations += len(batch.image)
        if time.monotonic() - self._saved >= self.save_every:
            self._save()
        self._stop_with_the_others()
        self._working = time.monotonic() - self._started

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self._running:
            self._running = False
            self._save()
            if not self.stopped.exists():
                reason = str(exception) or type(exception).__name__
                self.stopped.write_text(f"process {trainer.global_rank} stopped: {reason}")

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Not on_predict_end: Lightning calls that only on processes that had a batch, and the sum needs all of them.
        # Not a barrier: it would give up after half an hour, or fail without a word when another process failed.
        self._save()
        share = {
            "process": trainer.global_rank,
            "batches": self._batches,
            "perturbations": self._perturbations,
            "seconds": self._working,
            "in_batches": self._in_batches,
        }
        write_json(self.partial / f"finished-{trainer.global_rank}.json", share)
        if not trainer.is_global_zero:
            return
        while len(list(self.partial.glob("finished-*.json"))) < trainer.world_size:
            self._stop_with_the_others()
            time.sleep(0.1)
        shares = [read_json(self.partial / f"finished-{rank}.json") for rank in range(trainer.world_size)]
        self._finish(trainer.datamodule)  # type: ignore[attr-defined]
        self._running = False
        for line in describe_shares(shares):
            print(line, file=sys.stderr)

    def _finish(self, data: ReplicaDataModule) -> None:
        state = merge_states(self.partial, self._state())
        self.mean.total, self.mean.count = state["total"], state["count"]
        if not state["done"].all():
            raise InputError(
                f"{self.out}: {int(state['done'].sum())} of {len(state['done'])} batches are done and kept; "
                "start the same command again to do the rest"
            )
        if (self.mean.count != self.expected).any():
            raise RuntimeError(f"counts are {self.mean.count.tolist()}, {self.expected} were to be averaged")
        packages = ("lit-adv", "torch", "pytorch-lightning", "numpy")
        PerturbationSet(
            perturbation=self.mean.mean(),
            image=data.selection.images,
            label=data.selection.labels,
            target=data.selection.targets,
            count=self.mean.count,
            manifest={**self.run, "versions": {name: version(name) for name in packages}},
        ).save(self.out)
        shutil.rmtree(self.partial)

    def _state(self) -> State:
        return {"total": self.mean.total, "count": self.mean.count, "done": self.done}

    def _save(self) -> None:
        save_state(self.state_file, self._state())
        self._saved = time.monotonic()

    def _stop_with_the_others(self) -> None:
        if self.stopped.exists():
            self._running = False
            self._save()
            raise InputError(f"{self.stopped.read_text()} (what is done is kept in {self.partial})")

    def _refuse_other_runs(self) -> bool:
        """Whether an unfinished run of the same settings is there to continue."""
        finished, unfinished = self.out / MANIFEST, self.partial / "run.json"
        resumes = True
        for path, what in ((finished, "finished"), (unfinished, "unfinished")):
            if path.exists() and (differences := compare(read_json(path), self.run)):
                if what == "unfinished" and self.stopped.exists() and not holds_work(self.partial):
                    resumes = False  # it ended, by a mistake in its settings perhaps, and nothing is lost
                    continue
                raise InputError(
                    f"{self.out} holds a different {what} run ({differences}); "
                    "choose another --out or delete that folder"
                )
        if finished.exists():
            PerturbationSet.load(self.out)
            shutil.rmtree(self.partial, ignore_errors=True)
            raise AlreadyDone(f"{self.out} holds this perturbation set already; nothing to do")
        return resumes


def delete_run(out: Path) -> None:
    """Deletes a perturbation set, its evaluation, and what an unfinished run has left; other files stay."""
    for name in (MANIFEST, TENSORS, EVALUATION):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / "partial", ignore_errors=True)


def describe_shares(shares: Sequence[Mapping[str, float]]) -> list[str]:
    """What each process did, and how unevenly, in lines for the user; nothing where none did anything.

    Args:
        shares: of each process `process`, `batches`, `perturbations`, `seconds` from its first batch to its last, and
            how many of these passed `in_batches`.
    """
    busy = [share for share in shares if share["batches"]]
    lines = [
        f"process {share['process']}: {share['batches']} batches, {share['perturbations']} perturbations, "
        f"{share['seconds']:.0f} s, {100 * share['in_batches'] / share['seconds']:.0f} % of them in its batches"
        for share in busy
    ]
    if len(busy) > 1:
        times = [share["seconds"] for share in shares]
        excess = max(times) / (sum(times) / len(times)) - 1
        lines.append(f"imbalance: the slowest took {100 * excess:.0f} % longer than the mean")
    return lines


def _terminate(*_: object) -> Never:
    raise SystemExit(128 + signal.SIGTERM)


def refuse_misfits(module: AttackModule, data: ReplicaDataModule) -> None:
    """Refuses a module and data that do not agree on the number of models or on stacks.

    Raises:
        InputError: they do not.
    """
    if data.plan.models != len(module.sources):
        raise InputError(f"costs has {data.plan.models} entries for {len(module.sources)} source models; give each one")
    if data.plan.stacked > 1 and not module.stackable:
        raise InputError("stackable is true, but this attack or these models cannot be stacked; leave it out")


def describe_run(module: AttackModule, data: ReplicaDataModule) -> dict[str, Any]:
    """What a run is: everything that its perturbations depend on, as JSON values."""
    selection = data.selection
    content = selection.images.numpy().tobytes() + selection.labels.numpy().tobytes()
    run = {
        "setting": setting(data.plan.models, data.sigma),
        **module.describe(),
        "data": {
            **data.describe(),
            "images": selection.index.tolist(),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        "copies": data.copies,
        "sigma": data.sigma,
        "seed": data.seed,
        "batch_size": data.batch_size,
        "stacked": data.plan.stacked,
    }
    return json.loads(json.dumps(run))  # type: ignore[no-any-return]


def setting(models: int, sigma: float) -> str:
    """SM, NSM, MM or NMM (thesis 4.6.2) from the number of source models and the noise."""
    return ("N" if sigma > 0 else "") + ("MM" if models > 1 else "SM")


def compare(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The first few keys of `here` whose value in `there` is another, as `key: a there, b here`; empty if none is."""
    found = []
    for key, value in here.items():
        other = there.get(key)
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            if nested := compare(other, value):
                found.append(f"{key}.{nested}")
        elif other != value:
            short = isinstance(value, (str, int, float, type(None)))
            found.append(f"{key}: {other} there, {value} here" if short else f"other {key}")
    return "; ".join(found[:3])


def save_state(path: Path, state: State) -> None:
    """Writes sums atomically."""
    with atomic_path(path) as temporary:
        save_file(state, temporary)


def load_state(path: Path) -> State:
    """Reads sums.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged: {error}; delete {path.parent} and start again") from error


def holds_work(partial: Path) -> bool:
    """Whether the sums in `partial` that count have a finished batch in them."""
    merged = merged_file(partial)
    paths = [] if merged is None else [merged, *partial.glob(f"start-{number_of(merged)}-process-*.safetensors")]
    try:
        for path in paths:
            with safe_open(path, "pt") as state:
                if state.get_tensor("done").any():
                    return True
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path} is damaged: {error}; delete {partial} and start again") from error
    return False


def merged_file(partial: Path) -> Path | None:
    """The newest merged file, if there is one."""
    return max(partial.glob("merged-*.safetensors"), key=number_of, default=None)


def number_of(merged: Path) -> int:
    """How many merges came before and with this one."""
    return int(merged.stem.removeprefix("merged-"))


def merge_states(partial: Path, empty: State, keep: bool = True) -> State:
    """Adds up all sums in `partial` into one new merged file, deletes what it replaces, and returns the sum.

    Each merge has a number, and process files carry the number of the merge that they started from. Only those of the
    newest one count: older ones are in it already, whether or not a crash kept them from being deleted.

    Args:
        partial: the folder.
        empty: sums of the right shapes; their values do not count.
        keep: False begins anew: what is there is deleted, and only the number goes on.
    """
    newest = merged_file(partial)
    number = number_of(newest) if newest else 0
    state = {name: torch.zeros_like(tensor) for name, tensor in empty.items()}
    if newest and keep:
        state = load_state(newest)
    for path in sorted(partial.glob(f"start-{number}-process-*.safetensors")) if keep else ():
        part = load_state(path)
        if (state["done"] & part["done"]).any():
            raise InputError(f"{path} repeats batches of another file; delete {partial} and start again")
        state = {name: state[name] + part[name] for name in state}
    merged = partial / f"merged-{number + 1}.safetensors"
    save_state(merged, state)
    for path in partial.glob("*.safetensors"):
        if path != merged:
            path.unlink()
    return state
