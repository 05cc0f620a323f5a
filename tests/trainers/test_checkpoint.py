"""A checkpoint that cannot be used is set aside with a line, and its training begins anew."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.models.vgg import vgg16_like
from tests.helpers import TINY_RECIPE
from tests.trainers.test_zoo_runner import few_digits
from trainers.checkpoint import usable_checkpoint
from trainers.classifier import Classifier, Diverged
from trainers.mnist_zoo import mnist_models
from trainers.train_model import EpochLine, train_model


def classifier(width: int = 2) -> Classifier:
    return Classifier(vgg16_like(width=width), 10, learning_rate=0.1, weight_decay=0.0)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a training that was stopped in its second epoch."""
    out = tmp_path_factory.mktemp("stopped")

    def stop(self: EpochLine, trainer: Any, module: Any) -> None:
        self._begun = 0.0
        if trainer.current_epoch == 1:
            raise RuntimeError("stopped")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EpochLine, "on_train_epoch_start", stop)
        with pytest.raises(RuntimeError, match="stopped"):
            train_model(replace(TINY_RECIPE, epochs=2), mnist_models(2, width=2)[1], few_digits(), out)
    [path] = out.glob("unfinished/*/epoch.ckpt")
    return path


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)]) and None


def written(content: object) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


def with_nan(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    next(iter(content["state_dict"].values())).fill_(torch.nan)
    torch.save(content, path)


def without_loops(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    del content["loops"]
    torch.save(content, path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut(0), "is damaged"),
        (cut(0.3), "is damaged"),
        (cut(0.99), "is damaged"),
        (lambda path: path.write_text("hello"), "is damaged"),
        (written({"evil": Path("x")}), "holds more than tensors"),
        (written([1]), "is no checkpoint"),
        (written(classifier().state_dict()), "is no checkpoint"),
        (without_loops, "is no checkpoint"),
        (with_nan, "which is not finite"),
    ],
)
def test_damage(
    stopped: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], object],
    message: str,
) -> None:
    path = tmp_path / "epoch.ckpt"
    path.write_bytes(stopped.read_bytes())
    assert usable_checkpoint(tmp_path, classifier()) == path
    assert capsys.readouterr().err == ""
    damage(path)
    whole = path.read_bytes()
    assert usable_checkpoint(tmp_path, classifier()) is None
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(str(path))
    assert message in line
    assert "set aside as epoch-damaged.ckpt" in line
    assert (tmp_path / "epoch-damaged.ckpt").read_bytes() == whole


def test_another_network(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "epoch.ckpt").write_bytes(stopped.read_bytes())
    assert usable_checkpoint(tmp_path, classifier(width=3)) is None
    assert "is of another network" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_it_goes_on_to_the_same_weights(stopped: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "broken" / stopped.relative_to(stopped.parents[2])
    unfinished.parent.mkdir(parents=True)
    unfinished.write_bytes(stopped.read_bytes())
    recipe, model = replace(TINY_RECIPE, epochs=2), mnist_models(2, width=2)[1]
    broken, whole = (train_model(recipe, model, few_digits(), tmp_path / name) for name in ("broken", "whole"))
    assert broken.checksum == whole.checksum


def test_the_training_begins_anew(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / stopped.parent.relative_to(stopped.parents[2])
    out.mkdir(parents=True)
    (out / "epoch.ckpt").touch()
    train_model(replace(TINY_RECIPE, epochs=2), mnist_models(2, width=2)[1], few_digits(), tmp_path).load()
    assert "epoch.ckpt is damaged" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_a_full_disk_leaves_the_last_checkpoint(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / stopped.relative_to(stopped.parents[2])
    path.parent.mkdir(parents=True)
    path.write_bytes(stopped.read_bytes())
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        write(self, content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"^cannot write .*epoch\.ckpt: No space left on device; make room"):
        train_model(replace(TINY_RECIPE, epochs=2), mnist_models(2, width=2)[1], few_digits(), tmp_path)
    assert path.read_bytes() == stopped.read_bytes()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_a_folder_that_was_moved_keeps_one_checkpoint(
    stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the next start goes on from the newest."""
    path = tmp_path / stopped.relative_to(stopped.parents[2])
    path.parent.mkdir(parents=True)
    path.write_bytes(stopped.read_bytes())

    def diverge(*_: Any) -> None:
        raise Diverged("logits")

    monkeypatch.setattr(Classifier, "test_step", diverge)
    with pytest.raises(Diverged):
        train_model(replace(TINY_RECIPE, epochs=2), mnist_models(2, width=2)[1], few_digits(), tmp_path)
    assert list(path.parent.iterdir()) == [path]
    assert torch.load(path, weights_only=True)["epoch"] == 1
