"""Sets are found, refused or asked for by the right words."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_adv.data_sets import own_images
from lit_adv.errors import InputError
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.make import make
from lit_adv.reproduce.set_name import SetName, set_names
from lit_adv.reproduce.sets import Sets, described
from lit_adv.zoo.zoo import Zoo
from tests.lit_adv.reproduce.conftest import inputs_of


def words(name: str, **more: Any) -> list[str]:
    return inputs_of("mnist", Path("z"), Path("o"), **more).sets.words_of(SetName.parse(name))


PLAIN = ["--zoo", "z", "--trainer.devices", "1"]
ONE = ["--data.copies", "1", "--data.sigma", "0"]


def test_words_of_plain_and_targeted_sets() -> None:
    assert words("mm-cw") == ["--config", "mnist-mm-cw", *PLAIN, *ONE]
    assert words("nmm-cw-targeted") == ["--config", "mnist-nmm-cw-targeted", *PLAIN]


def test_a_single_model_is_attacked_in_one_process() -> None:
    for name, devices in {"sm-bim": "1", "mm-bim": "4", "nmm-bim": "4", "nsm-bim-sigma-0.1": "4"}.items():
        given = words(name, devices=4)
        assert given[given.index("--trainer.devices") + 1] == devices
    assert words("nsm-bim-sigma-0.1", devices=4, fast=True)[5] == "1"


def test_words_of_variants_come_after_those_of_the_user() -> None:
    user = ["--data.per_class", "5"]
    clipped = ["--config", "mnist-nmm-bim", *PLAIN, *user, "--model.attack.clip", "[0, 1]"]
    assert words("nmm-bim-clipped", words=user) == clipped
    swept = ["--config", "mnist-nsm-bim", *PLAIN, *user, "--data.per_class", "1", "--data.sigma", "0.3"]
    assert words("nsm-bim-sigma-0.3", words=user) == swept


def test_deepfool_looks_at_no_more_classes_than_own_images_have() -> None:
    few = own_images((3, 64, 64), ["a", "b", "c"], (0.5,) * 3, (0.5,) * 3)
    sets = Sets(data=few, zoo=Path("z"), out=Path("o"), make_set=print)
    asked = {name: sets.words_of(SetName.parse(name)) for name in ("mm-deepfool", "mm-bim")}
    top_k = asked["mm-deepfool"].index("--model.attack.top_k")
    assert asked["mm-deepfool"][top_k + 1] == "3"
    assert "--model.attack.top_k" not in asked["mm-bim"] + words("mm-deepfool")


def test_targets_are_for_targeted_sets() -> None:
    user = ["--data.targets", "{1: 7}"]
    assert words("nmm-cw-targeted", words=user)[-2:] == user
    assert words("nmm-cw", words=user)[-4:] == [*user, "--data.targets", "null"]
    assert words("nmm-cw", words=["--data.targets={1: 7}"])[-2:] == ["--data.targets", "null"]


def test_shorter_attacks_and_fewer_copies() -> None:
    steps = {"bim": 10, "square": 100}
    assert words("sm-bim", steps=steps, fast=True)[-6:] == ["--model.attack.steps", "10", *ONE]
    assert words("nmm-square", steps=steps)[-2:] == ["--model.attack.queries", "100"]
    assert words("nmm-cw", steps=steps, fast=True)[-4:] == ["--data.copies", "5", "--data.sigma", "0.4"]


def test_another_set_in_the_folder_is_refused(inputs: FigureInputs) -> None:
    names = set_names("nmm-square-clipped", "nsm-bim-sigma-0.7")
    for name, other in zip(names, set_names("nmm-square", "nsm-bim-sigma-0.3"), strict=True):
        inputs.sets.folder(name).symlink_to(inputs.sets.folder(other))
        with pytest.raises(InputError, match="holds another set"):
            inputs.perturbations(name)


def test_a_set_with_other_weights_is_used_and_described(inputs: FigureInputs, tmp_path: Path) -> None:
    [name] = set_names("nmm-bim")
    one = inputs.perturbations(name)
    replace(one, manifest=replace(one.manifest, weight="norm")).save(tmp_path / "sets" / "nmm-bim")
    found = replace(inputs, sets=replace(inputs.sets, out=tmp_path)).perturbations(name)
    assert found.name == "NMM BIM norm"
    assert described(name, found)["attack"] == f"{described(name, one)['attack']}, weight norm"


def test_a_missing_set_is_made_by_the_function_that_is_handed_in(inputs: FigureInputs, tmp_path: Path) -> None:
    [name] = set_names("nmm-bim")
    asked = []

    def make_set(given: Sequence[str]) -> None:
        asked.append(given)
        inputs.perturbations(name).save(tmp_path / "sets" / "nmm-bim")

    sets = replace(inputs.sets, out=tmp_path, make_set=make_set)
    fresh = replace(inputs, sets=sets)
    assert torch.equal(fresh.perturbations(name).perturbation, inputs.perturbations(name).perturbation)
    assert fresh.perturbations(name) is fresh.perturbations(name)
    assert asked == [[*sets.words_of(name), "--out", str(tmp_path / "sets" / "nmm-bim")]]


def test_sets_of_another_zoo_are_refused(inputs: FigureInputs, zoo: Zoo, tmp_path: Path) -> None:
    """Its models could be the judges here."""
    fewer = tmp_path / "zoo"
    fewer.mkdir()
    for name in ("model-000", "model-002", "model-003"):
        for ending in ("json", "safetensors"):
            (fewer / f"{name}.{ending}").symlink_to(zoo.path / f"{name}.{ending}")
    with pytest.raises(InputError, match="has not, such as model-001"):
        inputs_of("mnist", fewer, inputs.sets.out).perturbations(SetName.parse("nmm-bim"))


def test_an_evaluation_by_other_judges_is_made_again(inputs: FigureInputs) -> None:
    [name] = set_names("mm-bim")
    first = inputs.evaluation(name)
    someone = replace(first.judges["model-000"], checksum="sha256:1")
    replace(first, judges={"someone": someone}).save(inputs.sets.folder(name) / "evaluation.json")
    assert inputs.evaluation(name) == first


def test_figures_are_made_of_the_images_that_all_sets_have(inputs: FigureInputs) -> None:
    names = set_names("nmm-bim", "nsm-bim-sigma-0.3")
    whole, few = inputs.all_of(names)
    less = inputs.on_shared_images(names)
    assert torch.equal(less.perturbations(names[0]).perturbation, whole.perturbation[::2])
    assert torch.equal(less.perturbations(names[0]).image, few.image)
    assert torch.equal(less.answers(names[0])["model-000"], inputs.answers(names[0])["model-000"][::2])
    assert torch.equal(less.perturbations(names[1]).perturbation, few.perturbation)
    assert inputs.on_shared_images(names) is less
    assert inputs.on_shared_images(set_names("nmm-bim", "mm-bim")) is inputs
    entry = next(entry for entry in CATALOGUE if entry.name == "figure-5.4")
    make(replace(entry, sets=names), inputs)
    note = json.loads((inputs.sets.out / "figures" / "figure-5.4" / "figure.json").read_text())["note"]
    assert note.startswith("Only the 10 images that all of these sets have. Rho, ")


def test_sets_without_a_common_image_are_refused(inputs: FigureInputs) -> None:
    whole = inputs.perturbations(SetName.parse("mm-bim"))
    names = set_names("mm-bim", "mm-cw")
    halves = {name: whole.subset(torch.arange(first, 20, 2)) for first, name in enumerate(names)}
    with pytest.raises(InputError, match="no image in common"):
        replace(inputs, restricted=halves).on_shared_images(names)


def test_growth_is_asked_for_where_it_is_needed() -> None:
    assert words("nmm-cw", growth=set_names("nmm-cw"))[-1] == "--growth"
    assert "--growth" not in words("nmm-gradient", growth=set_names("nmm-cw"))


@pytest.mark.parametrize(
    ("given", "folder"),
    [([], "data/imagenet/val"), (["--data.root", "a/b"], "a/b"), (["--data.root", "a", "--data.root=c"], "c")],
)
def test_where_the_images_are(given: list[str], folder: str) -> None:
    sets = inputs_of("imagenet", Path("z"), Path("o"), words=given).sets
    assert sets.image_folder() == Path(folder)
