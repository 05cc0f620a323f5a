"""The figures on colour images, with several test models, of which the attacks used one, and with masks."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lit_adv.cli import main
from lit_adv.models.build import build
from lit_adv.perturbations.manifest import DataRecord
from lit_adv.reproduce import curves, galleries, growth, tables
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.make import lacking, make
from lit_adv.reproduce.set_name import SetName, set_names
from lit_adv.zoo.zoo import Zoo
from tests.lit_adv.reproduce.conftest import inputs_of, made_up, save

CLASSES = {"n01514668": 7, "n03063599": 504, "n07749582": 951}


def zoo_of(folder: Path, data: str, source: str, judge: str) -> Zoo:
    """A source that also judges under the name `white`, and another judge; random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name in (source, judge):
            torch.save(build(name, {}).state_dict(), folder / f"{name}.pth")
    white = {"name": "white", "architecture": source, "weights": f"{source}.pth"}
    content = {"data": data, "weights": ".", "sources": [source], "test": [judge, white]}
    (folder / "zoo.yaml").write_text(yaml.safe_dump(content))
    return Zoo.open(folder / "zoo.yaml")


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> FigureInputs:
    out = tmp_path_factory.mktemp("cifar10")
    zoo = zoo_of(out, "cifar10", "resnet20_cifar10", "nin_cifar10")
    images = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    names = dict.fromkeys(name for entry in CATALOGUE if "cifar10" in entry.data for name in entry.sets)
    for seed, name in enumerate(names):
        save(made_up(name, images, torch.arange(20) % 10, zoo, seed, DataRecord("cifar10")), out / "sets" / str(name))
    return inputs_of("cifar10", zoo.path, out)


@pytest.mark.parametrize("name", ["figure-4.6", "figure-5.5", "table-4.4", "human-study"])
def test_one_of_each_kind_is_made(name: str, cifar10: FigureInputs) -> None:
    make(next(entry for entry in CATALOGUE if entry.name == name), cifar10)
    assert (cifar10.sets.out / "figures" / name / "figure.json").is_file()


@pytest.mark.soak
def test_all_that_has_a_meaning_is_made(cifar10: FigureInputs) -> None:
    for entry in CATALOGUE:
        if lacking(entry, cifar10):
            assert "no meaning on cifar10" in lacking(entry, cifar10)
        else:
            make(entry, cifar10)
            assert (cifar10.sets.out / "figures" / entry.name / "figure.json").is_file()


def test_growth_is_judged_by_those_who_were_not_attacked(cifar10: FigureInputs) -> None:
    made = growth.curves(cifar10, set_names("nmm-bim"))
    evaluation = cifar10.evaluation(SetName.parse("nmm-bim")).judges["nin_cifar10"]
    last = made.numbers["growth"][-1]
    assert (last["recognized"], last["accuracy"]) == pytest.approx((evaluation.recognized, evaluation.attack))


def test_judges_that_were_attacked_are_marked(cifar10: FigureInputs) -> None:
    rows = galleries.targeted(cifar10, set_names("sm-bim-targeted")).numbers["recognized"]
    assert {row["test model"]: row["white box"] for row in rows} == {"nin_cifar10": False, "white": True}
    row = tables.noise(cifar10, set_names("nmm-bim")).numbers["recognized"][0]
    assert list(row) == ["class", "images", "NMM BIM, nin_cifar10", "NMM BIM, white*"]


def test_cats(cifar10: FigureInputs) -> None:
    made = galleries.vanishing_cat(cifar10, set_names("nmm-bim"))
    right = torch.stack(
        [a == torch.arange(10).repeat_interleave(2) for a in cifar10.answers(SetName.parse("nmm-bim")).values()]
    )
    [row] = made.numbers["recognized"]
    assert row["cat recognized"] == pytest.approx(float(right[:, 6:8].double().mean()))
    assert "class shown is cat; mean of 2 test models" in made.note


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> FigureInputs:
    """Six photographs; of the first of each class the left half is the object, the second has no mask."""
    out = tmp_path_factory.mktemp("imagenet")
    zoo = zoo_of(out, "imagenet", "squeezenet_v1_1", "fdmobilenet_wd4")
    files = [f"{wnid}/{name}.png" for wnid in CLASSES for name in "ab"]
    half = np.zeros((256, 256, 3), np.uint8)
    half[:, :128] = (7 + 1, 1, 0)  # ImageNet-S: R + 256·G
    for file in files:
        (out / "val" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(half).save(out / "val" / file)
        if file.endswith("a.png"):
            (out / "masks" / file).parent.mkdir(parents=True)
            Image.fromarray(half).save(out / "masks" / file)
    images = torch.rand(6, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor(list(CLASSES.values())).repeat_interleave(2)
    data = DataRecord("imagenet", {"files": files})
    for seed, name in enumerate(set_names("nmm-bim", "nmm-cw", "nmm-deepfool")):
        made_up(name, images, labels, zoo, seed, data).save(out / "sets" / str(name))
    return inputs_of("imagenet", zoo.path, out, out / "masks", words=["--data.root", str(out / "val")])


def test_masked_photographs_count(imagenet: FigureInputs) -> None:
    made = curves.contour_and_background(imagenet, set_names("nmm-bim"))
    assert "The area ratio is 1.00 here, over 3 images with masks." in made.note
    one = imagenet.perturbations(SetName.parse("nmm-bim"))
    left = torch.arange(224) < 112
    seen = one.image[::2] + 0.02 * one.perturbation[::2].sign() * left
    for row in made.numbers["accuracy"]:
        if row["part"] == "contour":
            for name, judge in imagenet.judges.models.items():
                right = (judge(seen).argmax(1) == one.label[::2]).double().mean()
                assert row[name] == pytest.approx(float(right), abs=1e-4)


def test_answers_are_among_the_classes_of_the_set(imagenet: FigureInputs) -> None:
    for answers in imagenet.answers(SetName.parse("nmm-bim")).values():
        assert set(answers.tolist()) <= set(CLASSES.values())


def test_missing_folders_are_named(imagenet: FigureInputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["figure-4.7", "--data", "imagenet", "--zoo", str(imagenet.sets.zoo), "--out", str(imagenet.sets.out)]
    for words, expected in (
        (["--masks", str(tmp_path / "m")], "there is no folder"),
        (["--masks", str(imagenet.masks), "--", "--data.root", str(tmp_path / "v")], "with photographs"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["reproduce", *common, *words])
        assert ended.value.code == 2
        assert expected in capsys.readouterr().err
