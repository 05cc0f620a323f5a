"""A training that diverges leaves no model, names itself, and harms no other one."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datamodules.labelled import Labelled
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY_RECIPE
from tests.trainers.test_zoo_runner import few_digits
from trainers import zoo_runner
from trainers.classifier import Classifier, Diverged
from trainers.mnist_zoo import mnist_models, train_mnist_zoo
from trainers.recipe import ModelPlan, Recipe
from trainers.train_model import train_model
from trainers.zoo_runner import train_zoo

MODELS = mnist_models(4, width=2)


def test_from_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_this_process: None
) -> None:
    words = ["--count", "2", "--width", "1", "--epochs", "2", "--batch_size", "500", "--learning_rate", "1e30"]
    monkeypatch.setattr("sys.argv", ["train_mnist_zoo.py", "--out", str(tmp_path), *words])
    with pytest.raises(SystemExit, match="2"):
        run_command(train_mnist_zoo)
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(
        "lit-adv: model-000 diverged, the loss is not finite in epoch 1 of 2 (2 models did: model-000, model-001)"
    )
    assert "train with a smaller learning_rate into another --out" in line
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".json", ".safetensors")]


def test_the_other_models_are_trained_and_kept(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_this_process: None
) -> None:
    out = shutil.copytree(zoo.path, tmp_path / "zoo")
    for name in ("model-001", "model-002"):
        (out / f"{name}.json").unlink()

    def first_diverges(recipe: Recipe, model: ModelPlan, *others: Any) -> ModelSpec:
        if model.name == "model-001":
            raise Diverged("the loss is not finite in epoch 1 of 1")
        return train_model(recipe, model, *others)

    monkeypatch.setattr(zoo_runner, "train_model", first_diverges)
    with pytest.raises(InputError, match=r"^model-001 diverged, the loss is not finite in epoch 1 of 1: not kept; "):
        train_zoo(TINY_RECIPE, MODELS, few_digits, out, processes=1)
    assert sorted(path.stem for path in out.glob("*.json")) == ["model-000", "model-002", "model-003"]


def test_a_training_goes_on_from_its_last_finite_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[int] = []
    step = Classifier.training_step

    def broken_later(self: Classifier, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        epochs.append(self.current_epoch)
        return step(self, batch, batch_idx) * (torch.nan if self.current_epoch == 1 else 1)

    recipe = replace(TINY_RECIPE, epochs=2)
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "training_step", broken_later)
        with pytest.raises(Diverged, match="is not finite in epoch 2 of 2"):
            train_model(recipe, MODELS[1], few_digits(), tmp_path)
        assert not list(tmp_path.glob("model-001.*"))
    monkeypatch.setattr(Classifier, "training_step", lambda *a: (epochs.append(a[0].current_epoch), step(*a))[1])
    del epochs[:]
    train_model(recipe, MODELS[1], few_digits(), tmp_path).load()
    assert set(epochs) == {1}


def test_finite_weights_with_logits_that_are_not(data: Labelled) -> None:
    module = Classifier(nn.Flatten(), 10, learning_rate=0.1, weight_decay=0.0)
    with pytest.raises(Diverged, match="logits of test images are not finite"):
        module.test_step((data.test_images / 0, data.test_labels), 0)
