"""Own code is imported where it is trusted, is found as Python finds it, and its errors are one line."""

import sys
from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.models.build import build
from lit_adv.models.own_code import is_own_code, refuse_untrusted


@pytest.mark.parametrize(
    ("architecture", "own"),
    [
        ("nets:build", True),
        ("a.b:c", True),
        ("resnet20_cifar10", False),
        ("pytorchcv.models.resnet.get_resnet", False),
        ("torchvision:resnet18", False),
        ("timm:resnet18.a1_in1k", False),
        ("torchscript:net.pt", False),
    ],
)
def test_what_is_own_code(architecture: str, own: bool) -> None:
    assert is_own_code(architecture) == own


@pytest.mark.parametrize(
    ("architecture", "trust", "name"),
    [
        ("nets:build", [], "nets"),
        ("nets:build", ["net"], "nets"),
        ("a.b.c:build", ["b", "a.c", "a.b.c.d"], "a"),
        ("torchscript:folder/net.pt", ["net", "folder"], r"net\.pt"),
        ("export:net.pt2", [], r"net\.pt2"),
    ],
)
def test_what_is_not_trusted(architecture: str, trust: list[str], name: str) -> None:
    with pytest.raises(InputError, match=rf"^here: {architecture} runs code of the .*{name}; .*add --trust {name} "):
        refuse_untrusted(architecture, trust, "here")


@pytest.mark.parametrize(
    ("architecture", "trust"),
    [
        ("a.b.c:build", ["a"]),
        ("a.b.c:build", ["a.b"]),
        ("a.b.c:build", ["x", "a.b.c"]),
        ("export:folder/net.pt2", ["net.pt2"]),
        ("export:folder/net.pt2", ["folder/net.pt2"]),
        ("vgg16_like", []),
        ("torchvision:resnet18", []),
    ],
)
def test_what_is_trusted(architecture: str, trust: list[str]) -> None:
    refuse_untrusted(architecture, trust, "here")


def test_the_working_directory_is_searched_last(package: str, tmp_path: Path) -> None:
    before = list(sys.path)
    images = torch.rand(2, 1, 28, 28)
    assert build(f"{package}:linear", {"classes": 3})(images).shape == (2, 3)
    assert sys.path == [*before, str(tmp_path)]
    assert torch.equal(build(f"{package}:Mine", {})(images), images.flatten(1)[:, :10])
    assert sys.path == [*before, str(tmp_path)]


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("missing", {}, r"nets_of_.*\.py\) has no function missing"),
        ("rmtree", {"path": "."}, "has rmtree from shutil; name a function that is defined in nets_of_"),
        ("fetched", {"url": "file:x"}, "has fetched from torch.hub"),
        ("torch", {}, "has no function torch"),
        ("linear.__globals__", {}, "is no function of a module"),
        ("fails", {}, r"cannot be built with \{\}: LookupError: no such network \(.*\.py:\d+\)"),
        ("linear", {"width": 3}, r"cannot be built with \{'width': 3\}: TypeError: .*'width'"),
        ("number", {}, "does not give a network, but a int"),
    ],
)
def test_wrong_functions(package: str, function: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        build(f"{package}:{function}", arguments)
    assert "\n" not in str(error.value)


def test_packages_that_cannot_be_imported(package: str, tmp_path: Path) -> None:
    before = list(sys.path)
    with pytest.raises(InputError, match=r"there is no package no_such_nets, neither installed nor in .*PYTHONPATH"):
        build("no_such_nets:build", {})
    assert sys.path == before
    (tmp_path / f"{package}.py").write_text("import a_missing_module")
    with pytest.raises(InputError, match=r"cannot be imported: ModuleNotFoundError: .*a_missing_module.*\.py:1\)"):
        build(f"{package}:build", {})
