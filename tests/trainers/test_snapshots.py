"""Snapshots of a training are sources of its zoo; other settings are named, and old manifests are still recognised."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from lit_adv.errors import InputError
from lit_adv.zoo.model_spec import read_spec
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY_RECIPE, TINY_ZOO
from tests.trainers.test_zoo_runner import few_digits
from trainers.mnist_zoo import mnist_models
from trainers.recipe import LEFT_OUT, Recipe, difference
from trainers.train_model import Snapshots, train_model

THREE = replace(TINY_RECIPE, epochs=3)
TEST_MODEL, SOURCE = mnist_models(2, width=1)
NAMES = ["model-001", "model-001-epoch-1", "model-001-epoch-2"]


def weights(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in folder.glob("*.safetensors")}


def test_they_are_the_networks_of_their_epochs_also_of_a_training_that_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(THREE, snapshots=(1, 2))
    train_model(THREE, SOURCE, few_digits(), tmp_path / "plain")
    whole = train_model(recipe, SOURCE, few_digits(), tmp_path / "whole")
    assert "snapshots" not in read_spec(tmp_path / "plain" / "model-001.json").training["recipe"]
    found = weights(tmp_path / "whole")
    assert sorted(found) == NAMES
    assert len(set(found.values())) == 3
    assert found["model-001"] == weights(tmp_path / "plain")["model-001"]

    before = Snapshots.on_train_epoch_end

    def stop(self: Snapshots, trainer: Any, module: Any) -> None:
        before(self, trainer, module)
        if trainer.current_epoch == 1:
            raise KeyError  # after the copy, before the checkpoint of this epoch

    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "on_train_epoch_end", stop)
        with pytest.raises(KeyError):
            train_model(recipe, SOURCE, few_digits(), tmp_path / "stopped")
    assert not weights(tmp_path / "stopped")
    train_model(recipe, SOURCE, few_digits(), tmp_path / "stopped")
    again = weights(tmp_path / "stopped")
    assert sorted(again) == NAMES
    assert again["model-001-epoch-1"] == found["model-001-epoch-1"]
    zoo = Zoo.open(tmp_path / "whole")
    assert [spec.role for spec in zoo.models] == ["source"] * 3
    assert {spec.name: spec.training.get("epoch") for spec in zoo.models} == dict(zip(NAMES, (None, 1, 2), strict=True))
    assert whole.checksum == next(spec.checksum for spec in zoo.models if spec.name == "model-001")
    assert not list((tmp_path / "whole" / "unfinished").iterdir())


def test_test_models_have_none(tmp_path: Path) -> None:
    train_model(replace(THREE, snapshots=(1,)), TEST_MODEL, few_digits(), tmp_path)
    assert sorted(weights(tmp_path)) == ["model-000"]


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "adam", "learning_rate": 0.001},
        {"adversarial": 0.1},
        {"gradient_penalty": 1.0},
        {"normalise": True},
    ],
)
def test_a_setting_makes_another_model_and_is_recorded(more: dict[str, Any], tmp_path: Path) -> None:
    plain = train_model(TINY_RECIPE, SOURCE, few_digits(), tmp_path / "plain")
    recipe = replace(TINY_RECIPE, **more)
    spec = train_model(recipe, SOURCE, few_digits(), tmp_path / "other")
    assert spec.checksum != plain.checksum
    assert (spec.mean != plain.mean) == ("normalise" in more)
    (read,) = Zoo.open(tmp_path / "other").models
    assert read.training["recipe"].items() >= more.items()
    assert difference(read, recipe, SOURCE) is None
    assert str(difference(read, TINY_RECIPE, SOURCE)).startswith(f"{next(iter(more))} ")


def test_what_manifests_leave_out_is_the_default() -> None:
    named = {one.name: one for one in fields(Recipe)}
    for name, value in LEFT_OUT.items():
        assert value == ({} if name in ("images", "trainer") else named[name].default)
    recorded = json.loads((TINY_ZOO / "model-001.json").read_text())["training"]["recipe"]
    assert list(TINY_RECIPE.recorded().items()) == list(recorded.items())  # their hash names unfinished trainings


def test_an_argument_that_is_no_longer_asked_for_is_named(tmp_path: Path) -> None:
    shutil.copytree(TINY_ZOO, tmp_path / "zoo")
    model = mnist_models(2, width=2)[1]
    spec = read_spec(tmp_path / "zoo" / "model-001.json")
    assert difference(spec, TINY_RECIPE, model) is None
    assert difference(spec, TINY_RECIPE, replace(model, arguments={})) == "width 2, asked is None"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"optimizer": "sdg"}, "optimizer is sdg; it must be one of sgd, adam"),
        ({"adversarial": -0.1}, "adversarial is -0.1; it must be at least 0"),
        ({"adversarial_steps": 0}, "adversarial_steps is 0; it must be at least 1"),
        ({"gradient_penalty": float("inf")}, "gradient_penalty is inf; it must be finite"),
        ({"snapshots": (1, 3)}, r"snapshots is \[1, 3\]; each must be 1 to 2"),
    ],
)
def test_wrong_settings(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        replace(THREE, **more)
