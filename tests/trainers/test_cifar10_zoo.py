"""A CIFAR-10 zoo trains, continues after its last whole epoch, and says what is wrong."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import pytorch_lightning as pl

from datamodules.labelled import Labelled
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from tests.trainers.conftest import TEST
from trainers import train_model as training
from trainers.cifar10_zoo import train_cifar10_zoo
from trainers.recipe import ModelPlan, Recipe
from trainers.train_model import train_model

RECIPE = Recipe(
    data="cifar10",
    source="npz",
    seed=0,
    epochs=3,
    batch_size=20,
    learning_rate=0.05,
    weight_decay=5e-4,
    label_smoothing=0.1,
    augment=True,
)
RESNET = ModelPlan(name="r", role="source", number=0, architecture="resnet20_cifar10", arguments={})


def test_a_zoo_from_the_command(
    files: tuple[Path, Path], data: Labelled, tmp_path: Path, in_this_process: None
) -> None:
    train, test = files
    words = {"source": "npz", "train_file": train, "test_file": test, "epochs": 1, "batch_size": 20, "processes": 1}
    out = tmp_path / "zoo"
    train_cifar10_zoo(out, ["resnet20_cifar10"], test=["preresnet20_cifar10"], learning_rate=0.02, **words)  # type: ignore[arg-type]
    zoo = Zoo.open(out)
    assert [(spec.name, spec.role) for spec in zoo.models] == [
        ("preresnet20_cifar10", "test"),
        ("resnet20_cifar10", "source"),
    ]
    spec = zoo.sources[0]
    assert spec.mean == (0.4914, 0.4822, 0.4465)
    right = (spec.load()(data.test_images).argmax(1) == data.test_labels).float().mean().item()
    assert right == pytest.approx(spec.training["accuracy"], abs=1.01 / TEST)  # one image may be on the edge
    assert not list((out / "unfinished").glob("*"))
    with pytest.raises(InputError, match=r"trained with learning_rate 0\.02, asked is 0\.2"):
        train_cifar10_zoo(out, ["resnet20_cifar10"], **words)  # type: ignore[arg-type]


def test_training_continues_after_its_last_whole_epoch(
    data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in its third epoch, started again: the first two are not repeated, and the schedule goes on."""
    epochs: list[int] = []
    rates: list[float] = []

    class Watch(training.EpochLine):
        stop = True

        def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            super().on_train_epoch_start(trainer, pl_module)
            epochs.append(trainer.current_epoch)
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])
            if self.stop and trainer.current_epoch == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(training, "EpochLine", Watch)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train_model(RECIPE, RESNET, data, tmp_path)
    Watch.stop = False
    shutil.copytree(tmp_path, tmp_path / "other")
    train_model(replace(RECIPE, seed=7, epochs=1), RESNET, data, tmp_path / "other")
    assert epochs == [0, 1, 2, 0]  # another recipe begins at its beginning
    del epochs[3], rates[3]
    train_model(RECIPE, RESNET, data, tmp_path)
    assert epochs == [0, 1, 2, 2]
    assert rates[2] == rates[3]
    assert (tmp_path / "r.json").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "[resnet20_cifar11]"], "did you mean .*resnet20_cifar10"),
        (["--models", "[resnet20_cifar10]", "--test", "[resnet20_cifar10]"], "resnet20_cifar10 is named twice"),
        (["--models", "[resnet20_cifar100]"], r"resnet20_cifar100 gives \[1, 100\] for one image of 10 classes"),
        (["--models", "[]"], "no model is named"),
        (["--models", "[resnet20_cifar10]", "--each", "0"], "each is 0"),
        (["--models", "[resnet20_cifar10]", "--label_smoothing", "1"], "label_smoothing is 1"),
        (["--models", "[resnet20_cifar10]", "--train_file", "none.npz"], "no file none.npz"),
        (["--models", "[resnet20_cifar10]", "--source", "torchvision"], "needs --root FOLDER"),
    ],
)
def test_wrong_words(
    words: list[str],
    message: str,
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared = ["--out", tmp_path / "zoo", "--source", "npz", "--train_file", files[0], "--test_file", files[1]]
    monkeypatch.setattr("sys.argv", ["train_cifar10_zoo.py", *map(str, shared), *words])
    with pytest.raises(SystemExit, match="2"):
        run_command(train_cifar10_zoo)
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert re.search(message, error)
