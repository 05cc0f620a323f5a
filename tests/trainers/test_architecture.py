"""What can be trained: any library's network or own code that fits the images; else a line says what to give."""

import sys
from pathlib import Path

import pytest
import torch

from datamodules.labelled import Labelled
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from trainers.architecture import check_architecture
from trainers.recipe import ModelPlan, Recipe
from trainers.train_model import train_model

CIFAR10 = DATA_SETS["cifar10"]
OWN = """import torch
from torch import nn

def small(classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))
"""


@pytest.mark.parametrize(
    ("architecture", "arguments", "message"),
    [
        ("resnet20_cifar11", {}, "did you mean .*resnet20_cifar10"),
        ("resnet20_cifar100", {}, r"gives \[1, 100\] .*; it may take --model\.arguments\.num_classes 10 "),
        ("torchvision:squeezenet1_1", {}, r"gives \[1, 1000\] .*; it may take --model\.arguments\.num_classes 10$"),
        (
            "torchvision:squeezenet1_1@IMAGENET1K_V1",
            {},
            "names weights, and a training begins without",
        ),
        ("torchvision:squeezenet1_1", {"weights": "DEFAULT"}, "not by `weights`"),
        ("torchscript:net.pt", {}, "is a program with its weights; it is attacked, not trained"),
        ("nowhere.nets:build", {}, r"^--model\.architecture: .* runs code of the package nowhere; if you trust it"),
    ],
)
def test_what_cannot_be_trained(architecture: str, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_architecture(architecture, arguments, CIFAR10)


def test_digits_for_a_network_in_colour() -> None:
    with pytest.raises(InputError, match=r"does not take images \[1, 28, 28\].*in_channels 1 .*in_size \[28, 28\]"):
        check_architecture("resnet20_cifar10", {}, DATA_SETS["mnist"])


def test_networks_of_libraries() -> None:
    check_architecture("torchvision:squeezenet1_1", {"num_classes": 10}, CIFAR10)
    pytest.importorskip("timm")
    check_architecture("timm:resnet18", {"num_classes": 10, "in_chans": 1}, DATA_SETS["mnist"])


def test_own_code(data: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained, written and loaded again by those who trust it, and only by them."""
    package = "fits_own_nets"
    (tmp_path / f"{package}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    architecture = f"{package}:small"
    with pytest.raises(InputError, match=f"add --trust {package}"):
        check_architecture(architecture, {}, CIFAR10)
    assert package not in sys.modules
    check_architecture(architecture, {}, CIFAR10, [package])
    with pytest.raises(InputError, match=r"gives \[1, 9\] .*; give --model\.arguments for images \[3, 32, 32\] and 10"):
        check_architecture(architecture, {"classes": 9}, CIFAR10, [package])
    recipe = Recipe(data="cifar10", source="npz", seed=0, epochs=1, batch_size=20, learning_rate=0.01, weight_decay=0.0)
    plan = ModelPlan(name="own", role="source", number=0, architecture=architecture, arguments={})
    train_model(recipe, plan, data, tmp_path / "zoo")
    with pytest.raises(InputError, match=f"add --trust {package}"):
        Zoo.open(tmp_path / "zoo")
    [spec] = Zoo.open(tmp_path / "zoo", [package]).models
    assert spec.load()(data.test_images).shape == (20, 10)


def test_a_network_that_gives_more_in_training(data: Labelled, tmp_path: Path) -> None:
    """One pixel is left at its end, and its training gives an object with logits: both are taken."""
    plan = ModelPlan(
        name="g",
        role="source",
        number=0,
        architecture="torchvision:googlenet",
        arguments={"num_classes": 10, "init_weights": False},
    )
    recipe = Recipe(
        data="cifar10", source="npz", seed=0, epochs=1, batch_size=20, learning_rate=0.001, weight_decay=0.0
    )
    spec = train_model(recipe, plan, data, tmp_path)
    assert 0 <= spec.training["accuracy"] <= 1
    assert torch.isfinite(spec.load()(data.test_images)).all()
