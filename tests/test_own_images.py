"""Own images on the command line: digits as picture files give what the digits themselves give."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.labelled import Labelled
from lit_adv.cli import figures, main
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.reproduce.set_name import SetName
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
    for judge, shares in mnist["judges"].items():
        assert images["judges"][judge]["recognized"] == shares["recognized"]
        assert images["judges"][judge]["attack"] == shares["attack"]
    main(["report", str(tmp_path / "own"), "--out", str(tmp_path / "page")])
    assert (tmp_path / "page" / "index.html").is_file()
    main(["study", "build", str(tmp_path / "own"), "--out", str(tmp_path / "study")])
    assert (tmp_path / "study" / "page" / "index.html").is_file()


def test_judges_of_other_classes_are_refused(
    zoo: Zoo, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = predict("images-mm-bim", zoo, tmp_path / "own", *STEPS, "--data.root", str(folder), *DIGITS)
    data = replace(made.manifest.data, details={**made.manifest.data.details, "classes": list("0123456789X")})
    replace(made, manifest=replace(made.manifest, data=data)).save(tmp_path / "eleven")
    with pytest.raises(SystemExit):
        main(["test", "--config", "images-test", "--zoo", str(zoo.path), "--out", str(tmp_path / "eleven"),
              "--trainer.accelerator", "cpu"])  # fmt: skip
    assert "knows 10 classes, the set's are 11; judge it with a model of its own" in capsys.readouterr().err


def test_targets_of_a_table(zoo: Zoo, folder: Path, tmp_path: Path) -> None:
    table = ["--data.labels", str(folder / "labels.csv"), *DIGITS, "--data.class_list", str(folder / "names.txt")]
    found = predict("images-mm-bim-targeted", zoo, tmp_path / "a", *STEPS, "--data.root", str(folder), *table)
    assert found.target is not None
    assert torch.equal(found.target, (found.label + 1) % 10)
    plain = predict("images-mm-bim", zoo, tmp_path / "b", *STEPS, "--data.root", str(folder), *table)
    assert plain.target is None


def test_labels_that_are_off_by_one_are_noticed(
    zoo: Zoo, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "names.txt"  # the labels begin at 1, but are not said to
    names.write_text("".join(f"digit {label}\n" for label in range(11)))
    labels = ["--data.labels", str(folder / "labels.csv"), "--data.first_label", "0", "--data.class_list", str(names)]
    few = ["--data.classes", "[1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    wrong = ["--data.root", str(folder), *DIGITS, *labels, *few]
    with pytest.raises(SystemExit):
        predict("images-mm-bim", zoo, tmp_path / "refused", *STEPS, *wrong)
    assert "knows 10 classes, the labels are of 11" in capsys.readouterr().err
    names.write_text("".join(f"digit {label}\n" for label in range(10)))
    rows = (folder / "labels.csv").read_text().splitlines()
    (tmp_path / "nine.csv").write_text("\n".join(rows[:-1]) + "\n")  # as 10 would be out of range
    nine = ["--data.labels", str(tmp_path / "nine.csv")]
    found = predict("images-mm-bim", zoo, tmp_path / "off", *STEPS, *wrong, *nine)
    capsys.readouterr()
    evaluate(found, {"right": lambda images: torch.eye(10)[found.label - 1]}, epsilon=0.2)
    line = "labels seem to be off by one: judges give label − 1 to 100 % of the images, the label to 0 %; make the set"
    assert capsys.readouterr().err.startswith(line)
    evaluate(found, {"wrong": lambda images: torch.eye(10)[found.label]}, epsilon=0.2)
    assert not capsys.readouterr().err


def test_figures_with_masks(
    zoo: Zoo, folder: Path, digits: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks have the images' own paths, and were cut as they were."""
    monkeypatch.setattr(figures, "predict", lambda words: main(["predict", *words]))
    for label in range(3):
        with Image.open(folder / f"{label}/first.png") as image:
            ink = np.asarray(image) > 0
        (tmp_path / "masks" / str(label)).mkdir(parents=True)
        Image.fromarray(np.where(ink, 255, 0).astype(np.uint8)).save(tmp_path / f"masks/{label}/first.png")
    out, words = tmp_path / "out", ["--data.root", str(folder), *DIGITS, *TINY, "--data.copies", "1"]
    main(["reproduce", "figure-4.6", "figure-4.7", "noise-classes", "--data", "images", "--zoo", str(zoo.path), "--out",
          str(out), "--steps", "bim=1", "--masks", str(tmp_path / "masks"), "--", *words])  # fmt: skip
    for name in ("figure-4.6", "figure-4.7", "noise-classes"):
        assert json.loads((out / "figures" / name / "figure.json").read_text())["data"] == "images"
    assert "Figure 4.7" in (out / "index.html").read_text()
    made = figures.Sets(data=figures.images_of(zoo.path), zoo=zoo.path, out=out, make_set=print, words=words)
    inputs = figures.FigureInputs(sets=made, judges=figures.Judges(zoo.path, made.data), masks=tmp_path / "masks")
    found = inputs.perturbations(SetName.parse("nmm-bim"))
    place, masks = inputs.masked(found)
    assert place.tolist() == [0, 1, 2]
    assert torch.equal(masks, (found.image[:3, 0] > 0).to(masks.dtype))


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
