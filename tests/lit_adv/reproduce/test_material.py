"""Sets are found, refused or asked for by the right words."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.make import make
from lit_adv.reproduce.material import Material, common, run_to_its_end
from lit_adv.zoo.zoo import Zoo


def words(name: str, **more: object) -> list[str]:
    return Material(data="mnist", zoo=Path("z"), out=Path("o"), **more).words_of(name)  # type: ignore[arg-type]


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


def test_shorter_attacks_and_fewer_copies() -> None:
    steps = {"bim": 10, "square": 100}
    assert words("sm-bim", steps=steps, fast=True)[-6:] == ["--model.attack.steps", "10", *ONE]
    assert words("nmm-square", steps=steps)[-2:] == ["--model.attack.queries", "100"]
    assert words("nmm-cw", steps=steps, fast=True)[-4:] == ["--data.copies", "5", "--data.sigma", "0.4"]


def test_another_set_in_the_folder_is_refused(material: Material) -> None:
    (material.out / "sets" / "nmm-square-clipped").symlink_to(material.folder("nmm-square"))
    (material.out / "sets" / "nsm-bim-sigma-0.7").symlink_to(material.folder("nsm-bim-sigma-0.3"))
    for name in ("nmm-square-clipped", "nsm-bim-sigma-0.7"):
        with pytest.raises(InputError, match="holds another set"):
            material.set(name)


def test_sets_of_another_zoo_are_refused(material: Material, zoo: Zoo, tmp_path: Path) -> None:
    """Its models could be the judges here."""
    fewer = tmp_path / "zoo"
    fewer.mkdir()
    for name in ("model-000", "model-002", "model-003"):
        for ending in ("json", "safetensors"):
            (fewer / f"{name}.{ending}").symlink_to(zoo.path / f"{name}.{ending}")
    other = Material(data="mnist", zoo=fewer, out=material.out)
    with pytest.raises(InputError, match="has not, such as model-001"):
        other.set("nmm-bim")


def test_an_evaluation_by_other_judges_is_made_again(material: Material) -> None:
    path = material.folder("mm-bim") / "evaluation.json"
    first = material.evaluation("mm-bim")
    someone = replace(first.judges["model-000"], checksum="sha256:1")
    replace(first, judges={"someone": someone}).save(path)
    assert material.evaluation("mm-bim") == first


def test_figures_are_made_of_the_images_that_all_sets_have(material: Material) -> None:
    names = ["nmm-bim", "nsm-bim-sigma-0.3"]
    whole, few = material.set(names[0]), material.set(names[1])
    less = common(material, tuple(names))
    assert torch.equal(less.set("nmm-bim").perturbation, whole.perturbation[::2])
    assert torch.equal(less.set("nmm-bim").image, few.image)
    assert torch.equal(less.answers("nmm-bim")["model-000"], material.answers("nmm-bim")["model-000"][::2])
    assert torch.equal(less.set(names[1]).perturbation, few.perturbation)
    assert common(material, ("nmm-bim", "mm-bim")) is material
    entry = next(entry for entry in CATALOGUE if entry.name == "figure-5.4")
    make(replace(entry, sets=tuple(names)), material)
    note = json.loads((material.out / "figures" / "figure-5.4" / "figure.json").read_text())["note"]
    assert note == "Only the 10 images that all of these sets have."


def test_sets_without_a_common_image_are_refused(material: Material) -> None:
    halves = {name: material.set("mm-bim").subset(torch.arange(place, 20, 2)) for place, name in enumerate(("a", "b"))}
    with pytest.raises(InputError, match="no image in common"):
        common(replace(material, _sets=halves), ("a", "b"))


def test_growth_is_asked_for_where_it_is_needed() -> None:
    assert words("nmm-cw", growth={"nmm-cw"})[-1] == "--growth"
    assert "--growth" not in words("nmm-gradient", growth={"nmm-cw"})


@pytest.mark.parametrize(
    ("given", "folder"),
    [([], "data/imagenet/val"), (["--data.root", "a/b"], "a/b"), (["--data.root", "a", "--data.root=c"], "c")],
)
def test_where_the_images_are(given: list[str], folder: str) -> None:
    material = Material(data="imagenet", zoo=Path("z"), out=Path("o"), words=given)
    assert material.image_folder() == Path(folder)


def test_a_terminated_run_lets_its_child_save_and_end() -> None:
    child = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(143)); print('on', flush=True); time.sleep(60)"
    )
    run = "import sys; from lit_adv.reproduce.material import run_to_its_end; "
    parent = f"{run} sys.exit(run_to_its_end([sys.executable, '-c', {child!r}]))"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.terminate()
        assert process.wait(20) == 143


def test_the_exit_code_is_given_back() -> None:
    assert run_to_its_end([sys.executable, "-c", "raise SystemExit(3)"]) == 3
