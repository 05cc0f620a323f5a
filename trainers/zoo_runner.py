"""Trains the models of an MNIST zoo that are not there yet, on all devices of one machine."""

import logging
import os
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, multiprocessing, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

from datamodules.mnist import CLASSES, MNISTData, Source, load_mnist
from lit_adv.errors import InputError
from lit_adv.files import check_writable
from lit_adv.models.vgg import vgg16_like
from lit_adv.zoo import ModelSpec, Zoo, read_spec
from trainers.classifier import Classifier

SEEDS_PER_ZOO = 1_000_000
"""Model i of the zoo of seed s is initialised with s·1,000,000 + i, so that zoos of different seeds share no model."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What all models of a zoo share.

    Attributes:
        source: where the digits come from; see `datamodules.mnist.load_mnist`.
        seed: of the zoo.
        width: of `vgg16_like`.
        epochs: passes over the training digits.
        batch_size: digits in a step.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: of SGD.
    """

    source: Source
    seed: int
    width: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("width", 1), ("epochs", 1), ("batch_size", 1), ("weight_decay", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be above 0")


def train_zoo(recipe: Recipe, count: int, root: Path | None, out: Path, processes: int | None = None) -> Zoo:
    """Trains models 0 … count−1 into `out`; model 0 is the test model, the others are sources.

    Finished models are left as they are, so an interrupted run continues where it stopped and a zoo can grow.

    Args:
        recipe: how.
        count: how many models the zoo shall have.
        root: the data's folder.
        out: the zoo's folder.
        processes: how many train side by side; left out, one for each GPU, else one for each core.

    Raises:
        InputError: `count` is below 1, the data or the folder is no good, or `out` holds models of another recipe.
    """
    for what, number in (("count", count), ("processes", processes)):
        if number is not None and number < 1:
            raise InputError(f"{what} is {number}; it must be at least 1")
    names = [f"model-{i:03d}" for i in range(count)]
    todo = [i for i, name in enumerate(names) if not is_finished(out, name)]
    for name in names:
        if is_finished(out, name) and (made := read_spec(out / f"{name}.json").data["recipe"]) != asdict(recipe):
            key = next(k for k, v in asdict(recipe).items() if made.get(k) != v)
            raise InputError(
                f"zoo {out}: {name} was trained with {key} {made.get(key)}, asked is {asdict(recipe)[key]}; "
                "choose another --out or the same settings"
            )
    print(f"zoo {out}: {count - len(todo)} of {count} models are there, {len(todo)} to train", flush=True)
    if todo:
        data = load_mnist(recipe.source, root)
        check_writable(out)
        arrays = [t.numpy() for t in (data.train_images, data.train_labels, data.test_images, data.test_labels)]
        workers = min(processes or torch.cuda.device_count() or cores(), len(todo))
        try:
            multiprocessing.spawn(_work, (workers, recipe, todo, arrays, out), nprocs=workers)
        except multiprocessing.ProcessRaisedException as error:
            if "InputError: " in str(error):
                raise InputError(str(error).rsplit("InputError: ", 1)[1]) from error
            raise
    return Zoo.open(out)


def is_finished(zoo: Path, name: str) -> bool:
    """Whether a model's weights and manifest are there."""
    return all((zoo / f"{name}.{ending}").exists() for ending in ("safetensors", "json"))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(rank: int, workers: int, recipe: Recipe, todo: list[int], arrays: list[Any], out: Path) -> None:
    data = MNISTData(*map(torch.from_numpy, arrays))  # as arrays: shared tensors would need a large /dev/shm
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    torch.set_num_threads(max(1, cores() // workers))
    started = time.monotonic()
    mine = todo[rank::workers]
    for position, number in enumerate(mine):
        begun = time.monotonic()
        spec = train_model(recipe, number, data, out, device=rank)
        left = (time.monotonic() - started) / (position + 1) * (len(mine) - position - 1)
        print(
            f"{spec.name} ({spec.role}): {100 * spec.accuracy:.2f} % of {len(data.test_labels)} test digits, "
            f"{time.monotonic() - begun:.0f} s, about {left:.0f} s left",
            flush=True,
        )


def train_model(recipe: Recipe, number: int, data: MNISTData, out: Path, device: int = 0) -> ModelSpec:
    """Trains model `number` of a zoo and writes it; which GPU is used, where there is one, is `device`."""
    seed = recipe.seed * SEEDS_PER_ZOO + number
    torch.manual_seed(seed)
    classifier = Classifier(vgg16_like(recipe.width, CLASSES), CLASSES, recipe.learning_rate, recipe.weight_decay)
    trainer = pl.Trainer(
        max_epochs=recipe.epochs,
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=[device % torch.cuda.device_count()] if torch.cuda.is_available() else 1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[EpochLine(f"model-{number:03d}")],
    )
    trainer.fit(classifier, digit_batches(data.train_images, data.train_labels, recipe.batch_size, shuffle=True))
    [scores] = trainer.test(
        classifier, digit_batches(data.test_images, data.test_labels, 1000, shuffle=False), verbose=False
    )
    spec: dict[str, Any] = {
        "name": f"model-{number:03d}",
        "role": "source" if number else "test",
        "width": recipe.width,
        "classes": CLASSES,
        "image_shape": tuple(data.train_images.shape[1:]),
        "seed": seed,
        "accuracy": scores["accuracy"],
        "data": {
            "name": "mnist",
            "train": len(data.train_labels),
            "test": len(data.test_labels),
            "recipe": asdict(recipe),
        },
    }
    network = classifier.network
    assert isinstance(network, nn.Module)
    return Zoo.save(out, spec, network.cpu())


class EpochLine(pl.Callback):
    """Prints a line after each epoch but the last."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begun = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs
        if done != epochs:
            print(f"{self.name}: epoch {done} of {epochs}, {time.monotonic() - self._begun:.0f} s", flush=True)


def digit_batches(images: Tensor, labels: Tensor, batch_size: int, shuffle: bool) -> DataLoader[tuple[Tensor, ...]]:
    """Whole batches cut out of tensors in memory; shuffled ones leave out an incomplete last batch."""
    dataset = TensorDataset(images, labels)
    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    sampler = BatchSampler(order, min(batch_size, len(labels)), drop_last=shuffle)
    return DataLoader(dataset, batch_size=None, sampler=sampler)
