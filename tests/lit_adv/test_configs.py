"""Packaged names stand for files that exist; others are refused with the near ones."""

from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import yaml

from datamodules.replicas import ReplicaDataModule
from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square
from lit_adv.configs import DATA_MODULES, STEPS_PARAMETERS, expand, packaged
from lit_adv.data_sets import DATA_SETS, IMAGES, DataSet
from lit_adv.errors import InputError


def test_every_name_has_its_files() -> None:
    attacks = {"bim", "cw", "deepfool", "square", "gradient"}
    endings = attacks | {f"{attack}-targeted" for attack in attacks - {"deepfool"}}
    settings = ("sm", "nsm", "mm", "nmm")
    data = ("mnist", "cifar10", "imagenet", "fashionmnist", "kmnist", "images")
    zoos = {"mnist-zoo", "cifar10-zoo", "fashionmnist-zoo", "kmnist-zoo", "images-zoo", "mnist-map"}
    assert set(packaged()) == zoos | {f"{d}-{s}-{e}" for d in data for s in settings for e in endings} | {
        f"{d}-test" for d in data
    }
    assert all(path.is_file() for files in packaged().values() for path in files)


@pytest.mark.parametrize(
    ("data", "epsilon", "noise", "c", "confidence"),
    [
        ("mnist", 0.2, {"bim": (20, 0.2), "cw": (20, 0.2), "deepfool": (20, 0.2)}, 1, 0),
        ("cifar10", 0.03, {"bim": (100, 0.05), "cw": (100, 0.05), "deepfool": (20, 0.1)}, 1, 0),
        ("imagenet", 0.02, {"bim": (10, 0.02), "cw": (10, 0.05), "deepfool": (10, 0.05)}, 5, 5),
    ],
)
def test_the_thesis_parameters(
    data: str, epsilon: float, noise: dict[str, tuple[int, float]], c: float, confidence: float
) -> None:
    """Tables 4.1 and 4.2, and the ten classes of 4.7.3; the step size of BIM is left to its 2ε/steps."""
    for attack, (copies, sigma) in noise.items():
        found = settings_of(f"{data}-nmm-{attack}")
        assert (found["data"]["copies"], found["data"]["sigma"]) == (copies, sigma)
        assert found["data"]["per_class"] == 10
        assert settings_of(f"{data}-nsm-{attack}")["data"]["copies"] == 1000
        assert (settings_of(f"{data}-mm-{attack}")["data"]["sigma"], found["model"].get("sources")) == (0, None)
        assert settings_of(f"{data}-sm-{attack}")["model"]["sources"] == "single"
    assert settings_of(f"{data}-nmm-bim")["attack"] == {"epsilon": epsilon, "steps": 50}
    cw = {"c": c, "confidence": confidence, "steps": 1000, "lr": 0.01}
    assert settings_of(f"{data}-nmm-cw")["attack"] == cw
    targeted = settings_of(f"{data}-nmm-cw-targeted")
    assert targeted["attack"] == cw | ({"confidence": 20} if data == "mnist" else {})
    assert targeted["data"]["targets"]
    top_k = {"top_k": 10} if data == "imagenet" else {}
    assert settings_of(f"{data}-nmm-deepfool")["attack"] == {"steps": 50, "overshoot": 0.02, **top_k}
    assert settings_of(f"{data}-nmm-square")["attack"]["epsilon"] == epsilon
    assert settings_of(f"{data}-test")["model"]["epsilon"] == epsilon


def settings_of(name: str) -> dict[str, dict[str, Any]]:
    """What a packaged configuration comes to."""
    found: dict[str, dict[str, Any]] = {"model": {}, "data": {}, "attack": {}}
    for path in packaged()[name]:
        content = yaml.safe_load(path.read_text())
        found["model"] |= content.get("model", {}).get("init_args", {})
        found["data"] |= content.get("data", {}).get("init_args", {})
        found["attack"] |= content.get("model", {}).get("init_args", {}).get("attack", {}).get("init_args", {})
    return found


def test_expansion_keeps_order_and_other_words(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.touch()
    words = expand(["predict", "--config", "mnist-mm-bim", f"--config={own}", "--out", "x"])
    assert [Path(w).name for w in words] == [
        "predict", "--config", "predict.yaml", "--config", "mnist.yaml", "--config", "mnist-bim.yaml",
        "--config", "mm.yaml", "--config", "own.yaml", "--out", "x",
    ]  # fmt: skip


def test_own_images_are_attacked_as_imagenets() -> None:
    """Their module takes ImageNet's place, before the setting's file, and no number of images is left over."""
    for name in ("sm-cw", "nsm-bim", "nmm-square", "mm-gradient-targeted"):
        own, other = settings_of(f"images-{name}"), settings_of(f"imagenet-{name}")
        assert (own["attack"], own["model"]) == (other["attack"], other["model"])
        assert (own["data"]["copies"], own["data"]["sigma"]) == (other["data"]["copies"], other["data"]["sigma"])
        assert own["data"]["per_class"] is None
    assert settings_of("images-test")["model"]["epsilon"] is None  # that of the images


@pytest.mark.parametrize("data", ["fashionmnist", "kmnist"])
def test_others_of_mnists_format_are_attacked_as_mnist(data: str) -> None:
    for name in ("sm-cw", "nsm-bim", "nmm-square", "mm-cw-targeted"):
        own, other = settings_of(f"{data}-{name}"), settings_of(f"mnist-{name}")
        assert (own["attack"], own["model"]) == (other["attack"], other["model"])
        same = own["data"].keys() - {"source", "root", "targets"}
        assert same == other["data"].keys() - {"source", "targets"}
        assert all(own["data"][key] == other["data"][key] for key in same)


def test_data_modules_are_named_by_their_data_sets() -> None:
    assert set(DATA_MODULES) == {*DATA_SETS, IMAGES}
    for word, path in DATA_MODULES.items():
        module, _, name = path.rpartition(".")
        assert issubclass(getattr(import_module(module), name), ReplicaDataModule)
        assert expand(["predict", "--data", word, "--data.root", word]) == [
            "predict", "--data", path, "--data.root", word,
        ]  # fmt: skip
        assert expand([f"--data={word}"]) == [f"--data={path}"]
    assert expand(["--data", "my.Own", "--data"]) == ["--data", "my.Own", "--data"]


def test_unknown_name() -> None:
    with pytest.raises(InputError, match=r"'mnist-nnm-bim' .* did you mean .*mnist-nmm-bim"):
        expand(["predict", "--config", "mnist-nnm-bim"])


@pytest.mark.parametrize("data", DATA_SETS.values(), ids=lambda data: data.name)
def test_files_agree_with_what_is_known_of_the_data_sets(data: DataSet) -> None:
    assert settings_of(f"{data.name}-test")["model"]["epsilon"] == data.epsilon
    found = settings_of(f"{data.name}-nmm-bim")
    assert found["attack"]["epsilon"] == data.epsilon
    if data.photographs is not None:
        assert Path(found["data"]["root"]) == data.photographs


@pytest.mark.parametrize("attack", [BIM, CW, DeepFool, Gradient, Square])
def test_parameters_for_steps_are_those_of_the_attacks(attack: type[Attack]) -> None:
    parameter = STEPS_PARAMETERS.get(attack.__name__.lower())
    assert attack.cost_parameter in (None, parameter)
    assert parameter is None or parameter in signature(attack).parameters
