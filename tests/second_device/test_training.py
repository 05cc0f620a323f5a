"""A model of a zoo that is trained on another device has the weights of one trained on the CPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor

from datamodules.labelled import Labelled
from lit_adv.zoo.weights import read_weights
from tests.helpers import TINY_RECIPE
from tests.second_device.device import NAME
from tests.second_device.lightning import SecondAccelerator
from trainers import train_model as trained
from trainers.classifier import moved_and_mirrored
from trainers.mnist_zoo import mnist_models

CPU = torch.device("cpu")


class Stop(pl.Callback):
    """Ends the training amid its second epoch."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.current_epoch == 1:
            raise RuntimeError("stopped")


def train(
    digits: Labelled, out: Path, device: torch.device, monkeypatch: pytest.MonkeyPatch, *more: pl.Callback
) -> dict[str, Tensor]:
    """The weights of a model that learnt 128 digits for two epochs."""
    few = Labelled(
        digits.train_images[::32], digits.train_labels[::32], digits.test_images[::10], digits.test_labels[::10]
    )
    recipe = replace(TINY_RECIPE, epochs=2, batch_size=16, augment=True)
    chosen: dict[str, Any] = {
        "cpu": {"accelerator": "cpu"},
        NAME: {"accelerator": SecondAccelerator(), "strategy": SingleDeviceStrategy(device)},
    }.get(device.type, {})
    used = []

    def trainer(**settings: Any) -> pl.Trainer:
        callbacks = [*settings.pop("callbacks"), *more]
        made = pl.Trainer(**settings | chosen | {"callbacks": callbacks})
        used.append(made.strategy.root_device.type)
        return made

    monkeypatch.setattr(trained, "pl", type("pl", (), {"Trainer": staticmethod(trainer)}))
    spec = trained.train_model(recipe, mnist_models(1, width=2)[0], few, out)
    assert used == [device.type]
    assert spec.training["accuracy"] > 0
    return read_weights(spec.file())


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:The number of training batches")
@pytest.mark.parametrize("stopped", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_weights_are_the_cpus(
    digits: Labelled, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """Also where the training was stopped, and went on from its last whole epoch."""
    weights = []
    for where in (CPU, device):
        out = tmp_path / where.type
        if stopped:
            with pytest.raises(RuntimeError, match="stopped"):
                train(digits, out, where, monkeypatch, Stop())
            assert (out / "unfinished").is_dir()
        weights.append(train(digits, out, where, monkeypatch))
    expected, found = weights
    for name, weight in found.items():
        assert weight.device == CPU
        assert torch.equal(weight, expected[name]) if device.type == NAME else weight.isfinite().all()


def test_moved_images(digits: Labelled, device: torch.device) -> None:
    images = digits.test_images[:20].to(device)
    moved = moved_and_mirrored(images)
    assert moved.device == device
    assert not torch.equal(moved, images)
