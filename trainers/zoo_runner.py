"""Trains the models of a zoo that are not there yet, on all devices of one machine."""

import hashlib
import json
import logging
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger
from torch import Tensor, multiprocessing
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

from datamodules.labelled import Labelled
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.files import check_writable
from lit_adv.models.build import build, check_fit, prepare
from lit_adv.perturbations.manifest import versions
from lit_adv.tracking.records import Experiment, version_settings
from lit_adv.zoo.model_spec import ModelSpec, read_spec
from lit_adv.zoo.zoo import Zoo
from trainers.classifier import Classifier

SEEDS_PER_ZOO = 1_000_000
"""Model i of the zoo of seed s is initialised with s·1,000,000 + i, so that zoos of different seeds share no model."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What all models of a zoo share.

    Attributes:
        data: the data set, `mnist` or `cifar10`.
        source: where its images come from.
        seed: of the zoo.
        epochs: passes over the training images.
        batch_size: images in a step.
        learning_rate: the peak of the one-cycle schedule.
        weight_decay: of SGD.
        label_smoothing: of the cross-entropy, 0 ≤ value < 1.
        augment: mirror the images and move them by up to an eighth of their side, at random.
        reduced: train in bfloat16 where there is a GPU.
    """

    data: str
    source: str
    seed: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float = 0.0
    augment: bool = False
    reduced: bool = False

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("epochs", 1), ("batch_size", 1), ("weight_decay", 0), ("label_smoothing", 0)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if not self.label_smoothing < 1:
            raise InputError(f"label_smoothing is {self.label_smoothing}; it must be below 1")


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """One model that a zoo shall have.

    Attributes:
        name: in the zoo.
        role: `source` or `test`.
        number: its place among the zoo's seeds.
        architecture: see `lit_adv.models.build.build`.
        arguments: likewise.
    """

    name: str
    role: Literal["source", "test"]
    number: int
    architecture: str
    arguments: Mapping[str, Any]


def train_zoo(
    recipe: Recipe,
    models: Sequence[ModelPlan],
    load: Callable[[], Labelled],
    out: Path,
    processes: int | None = None,
    experiment: Experiment | None = None,
) -> Zoo:
    """Trains models into `out`.

    Finished models are left as they are, and a model's training continues after its last whole epoch, so an interrupted
    run continues where it stopped and a zoo can grow.

    Args:
        recipe: how.
        models: which.
        load: gives the images; called only if there is a model to train.
        out: the zoo's folder.
        processes: how many train side by side; left out, one for each GPU, else one for each core.
        experiment: where each model's training is recorded; left out, nowhere.

    Raises:
        InputError: a number is below 1, an architecture is unknown, the data or the folder is no good, or `out` holds
            models of another recipe.
    """
    if processes is not None and processes < 1:
        raise InputError(f"processes is {processes}; it must be at least 1")
    data_set = DATA_SETS[recipe.data]
    todo = []
    for model in models:
        if not is_finished(out, model.name):
            todo.append(model)
            with torch.device("meta"):
                network = build(model.architecture, model.arguments).eval()
            check_fit(network.to("meta"), data_set.image_shape, data_set.classes, f"architecture {model.architecture}")
        elif difference := _difference(read_spec(out / f"{model.name}.json"), recipe, model):
            raise InputError(
                f"zoo {out}: {model.name} was trained with {difference}; choose another --out or the same settings"
            )
    print(f"zoo {out}: {len(models) - len(todo)} of {len(models)} models are there, {len(todo)} to train", flush=True)
    if todo:
        data = load()
        check_writable(out)
        arrays = [t.numpy() for t in (data.train_images, data.train_labels, data.test_images, data.test_labels)]
        workers = min(processes or torch.cuda.device_count() or cores(), len(todo))
        try:
            arguments = (os.getpid(), workers, recipe, todo, arrays, out, experiment)
            multiprocessing.spawn(_work, arguments, nprocs=workers)
        except multiprocessing.ProcessRaisedException as error:
            if "InputError: " in str(error):
                raise InputError(str(error).rsplit("InputError: ", 1)[1]) from error
            raise
    return Zoo.open(out)


def _difference(spec: ModelSpec, recipe: Recipe, model: ModelPlan) -> str | None:
    """The first setting in which a finished model and the asked one differ."""
    made = {**spec.training["recipe"], **spec.arguments, "architecture": spec.architecture}
    asked = {**asdict(recipe), **model.arguments, "architecture": model.architecture}
    different = (key for key in asked if made.get(key) != asked[key])
    return next((f"{key} {made.get(key)}, asked is {asked[key]}" for key in different), None)


def is_finished(zoo: Path, name: str) -> bool:
    """Whether a model's weights and manifest are there."""
    return all((zoo / f"{name}.{ending}").exists() for ending in ("safetensors", "json"))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(
    rank: int,
    parent: int,
    workers: int,
    recipe: Recipe,
    todo: list[ModelPlan],
    arrays: list[Any],
    out: Path,
    experiment: Experiment | None,
) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    data = Labelled(*map(torch.from_numpy, arrays))  # as arrays: shared tensors would need a large /dev/shm
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    torch.set_num_threads(max(1, cores() // workers))
    if experiment is not None and rank == 0:
        from callbacks.weights_and_biases import is_offline, say_where

        if is_offline():
            say_where(out)
    started = time.monotonic()
    mine = todo[rank::workers]
    for position, model in enumerate(mine):
        begun = time.monotonic()
        spec = train_model(recipe, model, data, out, rank, experiment)
        left = (time.monotonic() - started) / (position + 1) * (len(mine) - position - 1)
        print(
            f"{spec.name} ({spec.role}): {100 * spec.training['accuracy']:.2f} % "
            f"of {len(data.test_labels)} test images, {time.monotonic() - begun:.0f} s, about {left:.0f} s left",
            flush=True,
        )


def _end_with(parent: int) -> None:
    """Ends this process when its parent was killed: it would go on, and disturb the next start."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def train_model(
    recipe: Recipe,
    model: ModelPlan,
    data: Labelled,
    out: Path,
    device: int = 0,
    experiment: Experiment | None = None,
) -> ModelSpec:
    """Trains one model of a zoo and writes it.

    Args:
        recipe: how.
        model: which.
        data: the images.
        out: the zoo's folder.
        device: which GPU is used, where there is one.
        experiment: where the training is recorded; left out, nowhere.
    """
    if experiment is None:
        return _train(recipe, model, data, out, device, False)
    from callbacks.weights_and_biases import recorded_fit

    config = {
        **asdict(recipe),
        **model.arguments,
        **{name: getattr(model, name) for name in ("name", "role", "number", "architecture")},
        "zoo": out.name,
        "train_images": len(data.train_labels),
        "test_images": len(data.test_labels),
        **version_settings(versions()),
    }
    with recorded_fit(experiment, out, recipe.data, config, model.name) as logger:
        return _train(recipe, model, data, out, device, logger)


def _train(
    recipe: Recipe, model: ModelPlan, data: Labelled, out: Path, device: int, logger: Logger | Literal[False]
) -> ModelSpec:
    seed = recipe.seed * SEEDS_PER_ZOO + model.number
    torch.manual_seed(seed)
    data_set = DATA_SETS[recipe.data]
    network = build(model.architecture, model.arguments)
    classifier = Classifier(
        prepare(network, data_set.input_mean, data_set.input_std),
        data_set.classes,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        augment=recipe.augment,
    )
    gpu = torch.cuda.is_available()
    what = hashlib.sha256(json.dumps([asdict(recipe), asdict(model)]).encode()).hexdigest()
    unfinished = out / "unfinished" / f"{model.name}-{what[:8]}"  # so that another recipe does not continue this one
    trainer = pl.Trainer(
        max_epochs=recipe.epochs,
        accelerator="gpu" if gpu else "cpu",
        devices=[device % torch.cuda.device_count()] if gpu else 1,
        precision="bf16-mixed" if gpu and recipe.reduced else "32-true",
        logger=logger,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[EpochLine(model.name), ModelCheckpoint(unfinished, "epoch", save_top_k=1)],
    )
    last = unfinished / "epoch.ckpt"
    trainer.fit(
        classifier,
        image_batches(data.train_images, data.train_labels, recipe.batch_size, shuffle=True),
        ckpt_path=last if last.is_file() else None,
        weights_only=True,
    )
    [scores] = trainer.test(
        classifier, image_batches(data.test_images, data.test_labels, 1000, shuffle=False), verbose=False
    )
    spec: dict[str, Any] = {
        "name": model.name,
        "role": model.role,
        "architecture": model.architecture,
        "arguments": dict(model.arguments),
        "classes": data_set.classes,
        "image_shape": tuple(data.train_images.shape[1:]),
        "mean": data_set.input_mean,
        "std": data_set.input_std,
        "training": {
            "seed": seed,
            "accuracy": scores["accuracy"],
            "train": len(data.train_labels),
            "test": len(data.test_labels),
            "recipe": asdict(recipe),
        },
    }
    finished = Zoo.save(out, spec, network.cpu())
    shutil.rmtree(unfinished)
    return finished


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


def image_batches(images: Tensor, labels: Tensor, batch_size: int, shuffle: bool) -> DataLoader[tuple[Tensor, ...]]:
    """Whole batches cut out of tensors in memory; shuffled ones leave out an incomplete last batch."""
    dataset = TensorDataset(images, labels)
    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    sampler = BatchSampler(order, min(batch_size, len(labels)), drop_last=shuffle)
    return DataLoader(dataset, batch_size=None, sampler=sampler)
