"""Trains one model of a zoo and writes it."""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import Logger
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset

from datamodules.labelled import Labelled
from lit_adv.files import atomic_path
from lit_adv.models.build import build, prepare
from lit_adv.perturbations.manifest import versions
from lit_adv.terminal import say
from lit_adv.tracking.records import Experiment, version_settings
from lit_adv.tracking.wandb_run import recorded_fit
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from trainers.checkpoint import NAME, AtomicCheckpoint, Draws, usable_checkpoint
from trainers.classifier import Classifier
from trainers.lightning_options import NO_OPTIONS, trainer_settings
from trainers.recipe import SEEDS_PER_ZOO, ModelPlan, Recipe


def train_model(
    recipe: Recipe,
    model: ModelPlan,
    data: Labelled,
    out: Path,
    device: int = 0,
    experiment: Experiment | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
) -> ModelSpec:
    """Trains one model of a zoo and writes it.

    Args:
        recipe: settings of the zoo.
        model: model to train.
        data: images for training and testing.
        out: folder of the zoo.
        device: number of the GPU, modulo the number of GPUs; unused without one.
        experiment: W&B project of the record; by default there is no record.
        options: options of Lightning's trainer that change no weights, such as `logger`.

    Raises:
        Diverged: loss, weights or logits are no longer finite; nothing of the model is written.
    """
    if experiment is None:
        return _train(recipe, model, data, out, device, None, options)
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
        return _train(recipe, model, data, out, device, logger, options)


def _train(
    recipe: Recipe,
    model: ModelPlan,
    data: Labelled,
    out: Path,
    device: int,
    record: Logger | None,
    options: Mapping[str, Any],
) -> ModelSpec:
    seed = recipe.seed * SEEDS_PER_ZOO + model.number
    torch.manual_seed(seed)
    data_set = recipe.data_set
    network = build(model.architecture, model.arguments)
    classifier = Classifier(
        prepare(network, data_set.input_mean, data_set.input_std),
        data_set.classes,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        augment=recipe.augment,
        optimizer=recipe.optimizer,
        adversarial=recipe.adversarial,
        adversarial_steps=recipe.adversarial_steps,
        gradient_penalty=recipe.gradient_penalty,
    )
    what = hashlib.sha256(json.dumps([recipe.recorded(), asdict(model)]).encode()).hexdigest()
    unfinished = out / "unfinished" / f"{model.name}-{what[:8]}"  # so that another recipe does not continue this one
    epochs = recipe.snapshots if model.role == "source" else ()
    settings = trainer_settings(recipe, options, device, out / "logs" / model.name)
    settings["callbacks"] = [
        EpochLine(model.name),
        Snapshots(network, unfinished, epochs),
        Draws(),
        ModelCheckpoint(unfinished, NAME, save_top_k=1, enable_version_counter=False),
        *settings["callbacks"],
    ]
    if record is not None:
        settings["logger"] = [*settings["logger"], record]
    trainer = pl.Trainer(**settings, plugins=[AtomicCheckpoint()])
    trainer.fit(
        classifier,
        image_batches(data.train_images, data.train_labels, recipe.batch_size, shuffle=True),
        ckpt_path=usable_checkpoint(unfinished, classifier),
        weights_only=True,
    )
    test_batches = image_batches(data.test_images, data.test_labels, 1000, shuffle=False)

    def saved(name: str, more: Mapping[str, Any]) -> ModelSpec:
        [scores] = trainer.test(classifier, test_batches, verbose=False)
        spec: dict[str, Any] = {
            "name": name,
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
                "recipe": recipe.recorded(),
                **more,
            },
        }
        return Zoo.save(out, spec, network.cpu().eval())

    last = {name: tensor.cpu().clone() for name, tensor in network.state_dict().items()} if epochs else {}
    for epoch in epochs:
        network.load_state_dict(load_file(snapshot_path(unfinished, epoch)))
        saved(f"{model.name}-epoch-{epoch}", {"epoch": epoch})
    if last:
        network.load_state_dict(last)
    finished = saved(model.name, {})
    shutil.rmtree(unfinished)
    return finished


class Snapshots(pl.Callback):
    """Writes a copy of the network beside the unfinished training after some epochs."""

    def __init__(self, network: nn.Module, folder: Path, epochs: Collection[int]) -> None:
        self.network = network
        self.folder = folder
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Comes before the epoch's checkpoint: a training that goes on has all copies of the epochs behind it."""
        if (epoch := trainer.current_epoch + 1) in self.epochs:
            tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
            with atomic_path(snapshot_path(self.folder, epoch)) as temporary:
                save_file(tensors, temporary)


def snapshot_path(folder: Path, epoch: int) -> Path:
    """Returns the file of the network after an epoch, in the folder of its unfinished training."""
    return folder / f"epoch-{epoch}.safetensors"


class EpochLine(pl.Callback):
    """Prints a line after each epoch but the last."""

    def __init__(self, name: str) -> None:
        self.name = name

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._begun = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        done, epochs = trainer.current_epoch + 1, trainer.max_epochs
        if done != epochs:
            say(f"{self.name}: epoch {done} of {epochs}, {time.monotonic() - self._begun:.0f} s", sys.stdout)


def image_batches(images: Tensor, labels: Tensor, batch_size: int, shuffle: bool) -> DataLoader[tuple[Tensor, ...]]:
    """Cuts whole batches out of tensors in memory; shuffled ones leave out an incomplete last batch."""
    dataset = TensorDataset(images, labels)
    order = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
    sampler = BatchSampler(order, min(batch_size, len(labels)), drop_last=shuffle)
    return DataLoader(dataset, batch_size=None, sampler=sampler)
