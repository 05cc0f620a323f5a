"""Accumulates Eq. 4.1 over a run, survives restarts, and writes the perturbation set."""

import os
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from datamodules.replicas import ReplicaBatch, ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.exact_mean import ExactMean
from lit_adv.files import atomic_path, read_json, write_json
from lit_adv.perturbation_set import MANIFEST, PerturbationSet

State = dict[str, Tensor]
"""`total` and `count` of `ExactMean`, and `done` `[batches]` uint8: which batches they hold."""


class PerturbationAverage(pl.Callback):
    """Sums this process's perturbations exactly, saves the sums now and then, and writes the averages at the end.

    The run's folder is the trainer's `default_root_dir`. Until the set is complete it holds `partial/`: `run.json`
    (what the run is) and sums with the list of batches in them, one file for each process of the present start and
    one merged file for all earlier starts. A restart adds up what is there and does the rest, whatever the number of
    processes.

    Args:
        save_every: seconds between saves.
    """

    def __init__(self, save_every: float = 20.0) -> None:
        self.save_every = save_every

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        data, module = trainer.datamodule, pl_module  # type: ignore[attr-defined]
        assert isinstance(data, ReplicaDataModule)
        assert isinstance(module, AttackModule)
        self.out = Path(trainer.default_root_dir)
        self.partial = self.out / "partial"
        self.run = describe_run(module, data)
        self._refuse_other_run(read_json(self.out / MANIFEST) if (self.out / MANIFEST).exists() else None)
        plan, shape = data.plan, tuple(data.selection.images.shape)
        self.expected = plan.models * plan.copies
        self.mean = ExactMean(shape, self.expected)
        self.done = torch.zeros(len(plan), dtype=torch.uint8)
        if trainer.is_global_zero:
            write_json(self.partial / "run.json", self.run)
            merge_states(self.partial)
        trainer.strategy.barrier("merged")
        merged = merged_file(self.partial)
        self.earlier = load_file(merged) if merged else None
        start = number_of(merged) if merged else 0
        self.state_file = self.partial / f"start-{start}-process-{trainer.global_rank}.safetensors"
        if self.earlier is not None:
            data.done = self.earlier["done"].bool()
        self._saved = time.monotonic()

    def on_predict_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: ReplicaBatch, *_: Any
    ) -> None:
        try:
            self.mean.add(batch.image, outputs)
        except ValueError as error:
            assert isinstance(pl_module, AttackModule)
            raise InputError(
                f"source model {pl_module.sources[batch.model].name}, batch {batch.number}: {error}"
            ) from error
        self.done[batch.number] = 1
        if time.monotonic() - self._saved >= self.save_every:
            self._save()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if hasattr(self, "state_file"):
            self._save()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        # Not on_predict_end: Lightning calls that only on processes that had a batch, and the sum needs all of them.
        self._save()
        trainer.strategy.barrier("saved")
        if trainer.is_global_zero:
            merge_states(self.partial)
            self._finish(trainer.datamodule)  # type: ignore[attr-defined]
        trainer.strategy.barrier("finished")

    def _finish(self, data: ReplicaDataModule) -> None:
        merged = merged_file(self.partial)
        assert merged is not None
        state = load_file(merged)
        self.mean.total, self.mean.count = state["total"], state["count"]
        if (missing := int((self.mean.count != self.expected).sum())) or not state["done"].all():
            done, batches = int(state["done"].sum()), len(state["done"])
            raise InputError(
                f"{self.out}: {done} of {batches} batches are done, {missing} images lack perturbations; "
                "what is there is kept: start the same command again to do the rest"
            )
        packages = ("lit-adv", "torch", "pytorch-lightning", "numpy")
        PerturbationSet(
            perturbation=self.mean.mean(),
            image=data.selection.images,
            label=data.selection.labels,
            count=self.mean.count,
            manifest={**self.run, "versions": {name: version(name) for name in packages}},
        ).save(self.out)
        for path in self.partial.iterdir():
            path.unlink()
        self.partial.rmdir()

    def _save(self) -> None:
        if self.done.any():
            save_state(self.state_file, {"total": self.mean.total, "count": self.mean.count, "done": self.done})
        self._saved = time.monotonic()

    def _refuse_other_run(self, finished: Mapping[str, Any] | None) -> None:
        run_file = self.partial / "run.json"
        if finished is None and not run_file.exists():
            if self.out.exists() and not os.access(self.out, os.W_OK):
                raise InputError(f"cannot write into {self.out}; free it or choose another --out")
            return
        there = finished if finished is not None else read_json(run_file)
        if differences := compare(there, self.run):
            what = "a different finished run" if finished is not None else "a different unfinished run"
            raise InputError(f"{self.out} holds {what} ({differences}); choose another --out or delete that folder")
        if finished is not None:
            raise AlreadyDone(f"{self.out} holds this perturbation set already; nothing to do")


def describe_run(module: AttackModule, data: ReplicaDataModule) -> dict[str, Any]:
    """What a run is: everything that its perturbations depend on, as JSON values."""
    return {
        "setting": setting(data.plan.models, data.sigma),
        **module.describe(),
        "data": {**data.describe(), "images": data.selection.index.tolist()},
        "copies": data.copies,
        "sigma": data.sigma,
        "seed": data.seed,
        "batch_size": data.batch_size,
    }


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


def merged_file(partial: Path) -> Path | None:
    """The newest merged file, if there is one."""
    return max(partial.glob("merged-*.safetensors"), key=number_of, default=None)


def number_of(merged: Path) -> int:
    """How many merges came before and with this one."""
    return int(merged.stem.removeprefix("merged-"))


def merge_states(partial: Path) -> None:
    """Adds up all sums in `partial` into one new merged file and deletes what it replaces.

    The merged file carries a higher number than any before it, and process files carry the number of the merged file
    they started from, so a crash between writing the one and deleting the others counts nothing twice: files of a
    lower number than the newest merged file are in it already.
    """
    newest = merged_file(partial)
    number = number_of(newest) if newest else 0
    fresh = sorted(partial.glob(f"start-{number}-process-*.safetensors"))
    if fresh:
        newest_and_fresh = ([newest] if newest else []) + fresh
        state: State = {}
        for path in newest_and_fresh:
            part = load_file(path)
            if state and (state["done"] & part["done"]).any():
                raise InputError(f"{path} repeats batches of another file; delete {partial} and start again")
            state = {name: tensor + state[name] if state else tensor for name, tensor in part.items()}
        newest = partial / f"merged-{number + 1}.safetensors"
        save_state(newest, state)
    for path in partial.glob("*.safetensors"):
        if path != newest:
            path.unlink()
