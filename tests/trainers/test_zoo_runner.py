"""A zoo grows, leaves finished models alone, and refuses another recipe."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lit_adv.errors import InputError
from lit_adv.zoo import Zoo
from tests.conftest import TINY
from trainers.zoo_runner import Recipe, train_zoo


def test_an_interrupted_zoo_is_finished_and_nothing_is_trained_twice(zoo: Zoo, tmp_path: Path) -> None:
    shutil.copytree(zoo.folder, tmp_path / "zoo")
    out = tmp_path / "zoo"
    (out / "model-002.json").unlink()  # as if the run was stopped between weights and manifest
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    again = train_zoo(TINY, 4, None, out, processes=1)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.json") if path.name in before} == before
    assert [m.seed for m in again.models] == [m.seed for m in zoo.models]
    again.load(again.models[2])


def test_another_recipe_is_refused(zoo: Zoo) -> None:
    with pytest.raises(InputError, match="model-000 was trained with width 2, asked is 3"):
        train_zoo(replace(TINY, width=3), 4, None, zoo.folder)


@pytest.mark.parametrize("name", ["width", "epochs", "batch_size"])
def test_bad_recipes(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0"):
        replace(TINY, **{name: 0})
    with pytest.raises(InputError, match="count is 0"):
        train_zoo(TINY, 0, None, Path("unused"))
    with pytest.raises(InputError, match="learning_rate is 0"):
        Recipe(source="digits", seed=0, width=2, epochs=1, batch_size=64, learning_rate=0, weight_decay=0)
