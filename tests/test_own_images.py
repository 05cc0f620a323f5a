"""Own images on the command line: digits as picture files give what the digits themselves give."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.labelled import Labelled
from lit_adv.cli import main
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, TINY, predict, same

DIGITS = ["--data.class_list", "folders", "--data.channels", "1", "--data.resize", "null", "--data.crop", "28"]
STEPS = [*TINY, "--model.attack.steps", "2", "--model.attack.epsilon", "0.2"]


@pytest.fixture(scope="session")
def folder(digits: Labelled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first test digit of each class, in a folder of its own, and a table of labels that begin at 1."""
    root = tmp_path_factory.mktemp("digits")
    rows = ["ImageId,TrueLabel,TargetClass"]
    for label in range(10):
        pixels = digits.test_images[digits.test_labels == label][0, 0]
        (root / str(label)).mkdir()
        Image.fromarray((255 * pixels).round().numpy().astype(np.uint8)).save(root / f"{label}/first.png")
        rows.append(f"{label}/first,{label + 1},{(label + 1) % 10 + 1}")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "names.txt").write_text("".join(f"digit {label}\n" for label in range(10)))
    return root


def test_digits_in_files_are_the_digits(zoo: Zoo, folder: Path, tmp_path: Path) -> None:
    predict("mnist-mm-bim", zoo, tmp_path / "mnist", *STEPS)
    own = predict("images-mm-bim", zoo, tmp_path / "own", *STEPS, "--data.root", str(folder), *DIGITS)
    words = ["--data", "images", "--data.root", str(folder), *DIGITS]
    predict("imagenet-mm-bim", zoo, tmp_path / "word", *STEPS, *words)
    assert same(tmp_path / "mnist", tmp_path / "own")
    assert same(tmp_path / "mnist", tmp_path / "word")
    assert own.manifest.data.name == "images"
    assert own.data_set.class_names() == tuple("0123456789")
    assert own.data_set.epsilon == 0.2
    for name in ("mnist", "own"):
        shared = ["--zoo", str(zoo.path), "--out", str(tmp_path / name), "--trainer.accelerator", "cpu"]
        main(["test", "--config", f"{'images' if name == 'own' else name}-test", *shared])
    mnist, images = (json.loads((tmp_path / name / "evaluation.json").read_text()) for name in ("mnist", "own"))
    assert (images["epsilon"], images["data"]) == (mnist["epsilon"], "images")
    for judge, figures in mnist["judges"].items():
        assert images["judges"][judge]["recognized"] == figures["recognized"]
        assert images["judges"][judge]["attack"] == figures["attack"]
    main(["report", str(tmp_path / "own"), "--out", str(tmp_path / "page")])
    assert (tmp_path / "page" / "index.html").is_file()
    main(["study", "build", str(tmp_path / "own"), "--out", str(tmp_path / "study")])
    assert (tmp_path / "study" / "page" / "index.html").is_file()


def test_targets_of_a_table(zoo: Zoo, folder: Path, tmp_path: Path) -> None:
    table = ["--data.labels", str(folder / "labels.csv"), *DIGITS, "--data.class_list", str(folder / "names.txt")]
    found = predict("images-mm-bim-targeted", zoo, tmp_path / "a", *STEPS, "--data.root", str(folder), *table)
    assert found.target is not None
    assert torch.equal(found.target, (found.label + 1) % 10)
    plain = predict("images-mm-bim", zoo, tmp_path / "b", *STEPS, "--data.root", str(folder), *table)
    assert plain.target is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.crop", "20"], r"takes images \[1, 28, 28\].* or of own images --data\.channels 1 --data\.crop 28"),
        (["--data.class_list", "imagenet"], "knows 10 classes, the labels are of 1000; .* --data.class_list"),
        (["--data.labels", "nothing.csv"], "cannot read nothing.csv: No such file"),
        (["--data.channels", "2"], r"--data\.channels is '2'; it must be 1 or 3"),
        (["--data.class_list", "imagenet", "--data.first_label", "1"], "folder .*/0: class 0 is out of range"),
    ],
)
@pytest.mark.parametrize("plan", [[], ["--plan"]])
def test_what_does_not_fit_is_refused_before_any_work(
    zoo: Zoo,
    folder: Path,
    tmp_path: Path,
    words: list[str],
    message: str,
    plan: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as end:
        predict("images-nmm-bim", zoo, tmp_path / "x", *BIM, "--data.root", str(folder), *DIGITS, *words, *plan)
    assert end.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert re.search(message, last), last
    assert not (tmp_path / "x" / "manifest.json").exists()
