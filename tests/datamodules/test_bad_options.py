"""Bad options and files of the data on the command line: one line that names them, exit code 2, nothing written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lit_adv.cli import main
from lit_adv.data_sets import class_table
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY

MNIST = [
    ("--data.per_class=-1", "per_class is -1"),
    ("--data.sigma=.nan", "sigma is nan"),
    ("--data.sigma=.inf", "sigma is inf"),
    ("--data.sigma=1e30", "sigma is 1e+30"),
    ("--data.seed=-1", "seed is -1"),
    (f"--data.seed={2**128}", f"seed is {2**128}"),
    ("--data.targets={1: 1}", "targets: class 1 has itself as target"),
    ("--data.targets={1: 10}", "targets: target 10 of class 1"),
    ("--data.targets={}", "targets: no image is of a class that has a target"),
    ("--data.root=~nobody-of-this-name", "home folder of ~nobody-of-this-name is unknown"),
]
IMAGENET = [
    ("--data.classes=[hen, hen]", "classes names hen twice"),
    ("--data.classes=[hun]", "classes: ImageNet class 'hun' is not in the list"),
    ("--data.targets={hen: hen}", "targets: class hen has itself as target"),
    ("--data.per_class=2", "per_class asks for 2: hen (n01514859): 1"),
    ("--data.root=/nowhere", "no folder /nowhere"),
    ("--data.per_class=1", "hen.png is transparent in places"),
]


def error_of(capsys: pytest.CaptureFixture[str], out: Path, *words: str) -> str:
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--out", str(out), "--trainer.accelerator", "cpu"])
    (line,) = capsys.readouterr().err.splitlines()
    assert not out.exists()
    return line


@pytest.mark.parametrize(("word", "message"), MNIST)
def test_digits(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str, message: str) -> None:
    base = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), *TINY]
    assert message in error_of(capsys, tmp_path / "out", *base, word)


@pytest.mark.parametrize(("word", "message"), IMAGENET)
def test_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str, message: str) -> None:
    folder = tmp_path / class_table()["hen"][1]
    folder.mkdir()
    Image.fromarray(np.zeros((260, 260, 4), np.uint8)).save(folder / "hen.png")
    (tmp_path / "zoo.yaml").write_text("data: imagenet\nsources:\n  - {name: squeezenet_v1_1, gmac: 0.4}\n")
    base = ["predict", "--config", "imagenet-mm-bim", "--zoo", str(tmp_path / "zoo.yaml"), "--data.root", str(tmp_path)]
    classes = [] if "targets" in word else ["--data.classes=[hen]"]
    assert message in error_of(capsys, tmp_path / "out", *base, *classes, word)


def test_a_set_in_batches_of_nothing(zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--data.batch_size=0"]
    assert "batch_size is 0" in error_of(capsys, tmp_path / "out", *words)
