"""A zoo grows, leaves finished models alone, and refuses another recipe."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from datamodules.mnist import embedded_digits
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY_RECIPE as TINY
from trainers.mnist_zoo import mnist_models
from trainers.zoo_runner import train_zoo


def test_an_interrupted_zoo_is_finished_and_nothing_is_trained_twice(zoo: Zoo, tmp_path: Path) -> None:
    shutil.copytree(zoo.path, tmp_path / "zoo")
    out = tmp_path / "zoo"
    (out / "model-002.json").unlink()  # as if the run was stopped between weights and manifest
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    again = train_zoo(TINY, mnist_models(4, width=2), embedded_digits, out, processes=1)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.json") if path.name in before} == before
    assert [m.training["seed"] for m in again.models] == [m.training["seed"] for m in zoo.models]
    again.models[2].load()


def test_another_recipe_is_refused(zoo: Zoo) -> None:
    with pytest.raises(InputError, match="model-000 was trained with width 2, asked is 3"):
        train_zoo(TINY, mnist_models(4, width=3), embedded_digits, zoo.path)
    with pytest.raises(InputError, match="model-000 was trained with epochs 1, asked is 2"):
        train_zoo(replace(TINY, epochs=2), mnist_models(4, width=2), embedded_digits, zoo.path)


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_bad_recipes(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0"):
        replace(TINY, **{name: 0})
    with pytest.raises(InputError, match="count is 0"):
        mnist_models(0, width=2)
    with pytest.raises(InputError, match="width is 0"):
        mnist_models(4, width=0)
    with pytest.raises(InputError, match="learning_rate is 0"):
        replace(TINY, learning_rate=0)
