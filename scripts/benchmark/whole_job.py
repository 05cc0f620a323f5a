"""Eq. 4.1 by the command line, in one process and in several, against a loop around each peer."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pytorch_lightning as pl
import torch
from benchmark.contestants import peers
from benchmark.race import Task

from datamodules.mnist import load_mnist
from lit_adv.files import read_json, write_json
from lit_adv.zoo.zoo import Zoo


class WorkSeconds(pl.Callback):
    """Writes the seconds of a run's work, without its start, to a JSON file; on the first process.

    Args:
        file: file to write.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.perf_counter()

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            write_json(self.file, {"seconds": time.perf_counter() - self._began})


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run of `predict` on MNIST with BIM.

    Attributes:
        sources: m, the number of source models.
        per_class: digits of each class.
        copies: n, noisy copies.
        steps: of BIM.
        sigma: σ of the noise.
    """

    sources: int = 5
    per_class: int = 10
    copies: int = 10
    steps: int = 50
    sigma: float = 0.2

    @property
    def name(self) -> str:
        parts = f"{self.sources} models × {10 * self.per_class} images × {self.copies} copies"
        return f"Eq. 4.1: BIM {self.steps}, {parts}"


def command(
    job: Job, zoo: Zoo, processes: int, threads: int, device: torch.device, more: Sequence[str] = ()
) -> tuple[float, float]:
    """Times `lit-adv predict`: seconds of the whole command, and of its work alone. `more` are further options.

    Raises:
        RuntimeError: the command fails; the message is its standard error.
    """
    scripts = str(Path(__file__).parents[1])
    path = os.pathsep.join([scripts, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(threads // processes, 1)), "PYTHONPATH": path}
    with TemporaryDirectory() as out:
        file = Path(out) / "seconds.json"
        clock = {"class_path": f"{WorkSeconds.__module__}.WorkSeconds", "init_args": {"file": str(file)}}
        words = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", f"{out}/set"]
        words += ["--model.sources", str(job.sources), "--data.copies", str(job.copies)]
        words += ["--data.sigma", str(job.sigma), "--data.per_class", str(job.per_class)]
        words += ["--model.attack.steps", str(job.steps), "--trainer.devices", str(processes)]
        words += ["--trainer.accelerator", device.type.replace("cuda", "gpu")]
        words += [f"--trainer.callbacks+={json.dumps(clock)}", *more]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "lit_adv", *words], env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
        whole = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(done.stderr)
        return whole, float(read_json(file)["seconds"])


def loop(job: Job, attack: Callable[..., Any], device: torch.device, size: int = 250) -> float:
    """Times the same work in a plain loop around an attack, after imports and the loading of data and models."""
    digits = load_mnist("digits")
    index = torch.cat([(digits.test_labels == c).nonzero()[: job.per_class, 0] for c in range(10)])
    images, labels = digits.test_images[index], digits.test_labels[index]
    began = time.perf_counter()
    total = torch.zeros_like(images)
    for _ in range(job.sources):
        clean = images.repeat(job.copies, 1, 1, 1)
        noisy = (clean + job.sigma * torch.randn_like(clean)).clamp(0, 1).to(device)  # their inputs' range
        for part in torch.arange(len(noisy)).split(size):
            found = attack(noisy[part], labels[part % len(labels)].to(device))
            total.index_add_(0, part % len(labels), (found - noisy[part]).cpu())
    return time.perf_counter() - began


def whole_job(zoo: Zoo, threads: int, device: torch.device, job: Job, rounds: int = 2) -> list[dict[str, Any]]:
    """Compares the command, by its work alone and as a whole, with the peers' loops."""
    model = zoo.sources[0].load().to(device)
    many = threads if device.type == "cpu" else torch.cuda.device_count()
    work: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    for _ in range(rounds):
        for processes in [1, many] if many > 1 else [1]:
            seconds, in_work = command(job, zoo, processes, threads, device)
            work.setdefault(f"ours, {processes} proc.", []).append(in_work)
            whole.setdefault(f"ours, {processes} proc. with start-up", []).append(seconds)
        for name, make in peers("BIM", job.steps).items():
            seconds = loop(job, make(model), device)
            for times in (work, whole):
                times.setdefault(name, []).append(seconds)
    count = 10 * job.sources * job.per_class * job.copies
    return [against_ours(job.name, count, work), against_ours(f"{job.name}, ours with start-up", count, whole)]


def against_ours(name: str, count: int, seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Makes a result in which the quicker of ours stands for us."""
    first = min((name for name in seconds if name.startswith("ours")), key=lambda name: median(seconds[name]))
    ordered = {"ours": seconds[first], **{name: times for name, times in seconds.items() if name != first}}
    return Task(name, count, {}, (), whole=True, seconds=ordered).result()
