"""A zoo grows, leaves finished models alone, and refuses another recipe."""

import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from torch import multiprocessing

from datamodules.labelled import Labelled
from datamodules.mnist import embedded_digits
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY_RECIPE
from trainers import zoo_runner
from trainers.mnist_zoo import mnist_models
from trainers.recipe import ModelPlan
from trainers.zoo_runner import LOCK, train_zoo


def few_digits() -> Labelled:
    data = embedded_digits()
    return Labelled(data.train_images[::20], data.train_labels[::20], data.test_images[::20], data.test_labels[::20])


def test_an_interrupted_zoo_is_finished_and_nothing_is_trained_twice(zoo: Zoo, tmp_path: Path) -> None:
    """By a process of its own, as a user's zoo is."""
    shutil.copytree(zoo.path, tmp_path / "zoo")
    out = tmp_path / "zoo"
    (out / "model-002.json").unlink()  # as if the run was stopped between weights and manifest
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.json")}
    again = train_zoo(TINY_RECIPE, mnist_models(4, width=2), few_digits, out, processes=1)
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.json") if path.name in before} == before
    assert [m.training["seed"] for m in again.models] == [m.training["seed"] for m in zoo.models]
    again.models[2].load()


def test_another_recipe_is_refused(zoo: Zoo) -> None:
    with pytest.raises(InputError, match="model-000 was trained with width 2, asked is 3"):
        train_zoo(TINY_RECIPE, mnist_models(4, width=3), embedded_digits, zoo.path)
    with pytest.raises(InputError, match="model-000 was trained with epochs 1, asked is 2"):
        train_zoo(replace(TINY_RECIPE, epochs=2), mnist_models(4, width=2), embedded_digits, zoo.path)


@pytest.mark.soak
def test_what_a_process_refuses_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "zoo"
    (out / "model-001.safetensors" / "in the way").mkdir(parents=True)
    with pytest.raises(InputError, match=r"^cannot write .*model-001\.safetensors: Is a directory; make room"):
        train_zoo(TINY_RECIPE, mnist_models(2, width=2), few_digits, out, processes=2)


def test_a_process_hands_on_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole message, whatever words are in it."""
    message = "no file a.InputError: b; give another"

    def refuse(*_: object) -> None:
        raise InputError(message)

    monkeypatch.setattr(zoo_runner, "_work", refuse)
    refused = multiprocessing.get_context("spawn").SimpleQueue()
    with pytest.raises(InputError):
        zoo_runner._report_input_errors(0, refused, os.getppid())
    assert refused.get() == message


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("epochs", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("batch_size", -3, "at least 1"),
        ("seed", -1, "at least 0"),
        ("seed", 10**24, "at most 9223372036853"),
        ("learning_rate", 0.0, "above 0"),
        ("learning_rate", math.nan, "above 0"),
        ("learning_rate", math.inf, "finite"),
        ("weight_decay", math.nan, "at least 0"),
        ("weight_decay", math.inf, "finite"),
        ("label_smoothing", math.nan, "at least 0"),
    ],
)
def test_bad_recipes(name: str, value: float, wanted: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is .*; it must be .*{wanted}"):
        replace(TINY_RECIPE, **{name: value})


def test_bad_numbers_of_models() -> None:
    with pytest.raises(InputError, match="count is 0"):
        mnist_models(0, width=2)
    with pytest.raises(InputError, match="width is 0"):
        mnist_models(4, width=0)
    with pytest.raises(InputError, match="a zoo has at most 1,000,000 models of a kind"):
        ModelPlan(name="a", role="source", number=10**6, architecture="vgg16_like", arguments={})


def test_a_second_training_in_the_folder_is_refused(zoo: Zoo, tmp_path: Path, in_this_process: None) -> None:
    """While the first is at work; one that was killed leaves nothing in the way."""
    out = tmp_path / "zoo"
    shutil.copytree(zoo.path, out)
    (out / "model-002.json").unlink()
    before = sorted(out.iterdir())
    hold = (
        f"import filelock\nlock = filelock.FileLock({str(out / LOCK)!r})\nlock.acquire()\nprint(1, flush=True)\ninput()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold], **pipes) as first:
        assert first.stdout
        first.stdout.readline()
        try:
            with pytest.raises(InputError, match="another training is at work in it; wait for it, or stop it"):
                train_zoo(TINY_RECIPE, mnist_models(4, width=2), few_digits, out, processes=1)
        finally:
            first.kill()
    assert sorted(path for path in out.iterdir() if path.name != LOCK) == before
    assert len(train_zoo(TINY_RECIPE, mnist_models(4, width=2), few_digits, out, processes=1).models) == 4


def test_what_is_wrong_in_the_folder_is_said_before_the_work(zoo: Zoo, tmp_path: Path) -> None:
    out = tmp_path / "zoo"
    shutil.copytree(zoo.path, out)
    shutil.copy(out / "model-003.json", out / "model-003 (1).json")

    def load() -> Labelled:
        raise AssertionError("the work has begun")

    with pytest.raises(InputError, match=r"model-003\.json and model-003 \(1\)\.json are both named model-003"):
        train_zoo(TINY_RECIPE, mnist_models(6, width=2), load, out, processes=1)
    (out / "model-003 (1).json").write_text("{}")
    with pytest.raises(InputError, match=r"model-003 \(1\)\.json is no model manifest: .*; restore it if it was one"):
        train_zoo(TINY_RECIPE, mnist_models(6, width=2), load, out, processes=1)
