"""Zoo files: what they may say, what they leave out, and the packaged ones."""

import os
import re
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from datamodules.cifar10 import load_cifar10
from lit_adv.data_sets import IMAGENET_MEAN, IMAGENET_STD
from lit_adv.errors import InputError
from lit_adv.models.build import Prepared, build
from lit_adv.zoo.zoo import Zoo

SHARED = Path(os.environ.get("LIT_ADV_SHARED", Path(__file__).parents[4] / "shared")) / "data"
RESNET32 = {
    "name": "resnet32_cifar10",
    "architecture": "pytorchcv.models.resnet_cifar.get_resnet_cifar",
    "arguments": {"num_classes": 10, "blocks": 32, "bottleneck": False},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two networks with random weights, one in each kind of file."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(build("resnet20_cifar10", {}).state_dict(), tmp_path / "resnet20_cifar10.pth")
        torch.save(build("nin_cifar10", {}).state_dict(), tmp_path / "other.pt")
    return tmp_path


def write(folder: Path, **content: object) -> Path:
    (folder / "zoo.yaml").write_text(yaml.safe_dump({"data": "cifar10", "weights": ".", **content}))
    return folder / "zoo.yaml"


@pytest.mark.parametrize(("name", "sources"), [("cifar10", 66), ("imagenet", 178)])
def test_the_packaged_zoos(name: str, sources: int) -> None:
    """CIFAR-10: every model with published weights, as many as the thesis's; ImageNet: those under 3.2 GMAC."""
    zoo = Zoo.open(Path(name))
    assert (len(zoo.sources), len(zoo.judges)) == (sources, 4)
    assert zoo.choose("single")[0] in zoo.judges
    assert all(spec.weights is None and spec.checksum.startswith("sha1:") for spec in zoo.models)
    if name == "imagenet":
        assert all(spec.macs < 3.2e9 for spec in zoo.sources)
        assert {spec.size for spec in zoo.sources} >= {None, 240, 260}


def test_what_a_file_leaves_out_comes_from_the_data_set(folder: Path) -> None:
    zoo = Zoo.open(write(folder, sources=["resnet20_cifar10"]))
    (spec,) = zoo.models
    assert (spec.classes, spec.image_shape, spec.size, spec.macs) == (10, (3, 32, 32), None, 40_813_184)
    assert spec.mean == (0.4914, 0.4822, 0.4465)
    assert spec.weights == folder / "resnet20_cifar10.pth"
    assert zoo.choose("single") == zoo.sources
    model = spec.load()
    assert isinstance(model, Prepared)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())


def test_a_file_can_say_everything(folder: Path) -> None:
    entry = {
        "name": "mine", "architecture": "nin_cifar10", "weights": "other.pt", "size": 31, "gmac": 0.5,
        "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
    }  # fmt: skip
    zoo = Zoo.open(write(folder, sources=[entry], test=["resnet20_cifar10"], single="resnet20_cifar10"))
    spec = zoo.sources[0]
    assert (spec.name, spec.size, spec.macs, spec.mean) == ("mine", 31, 500_000_000, (0.5, 0.5, 0.5))
    assert zoo.choose("single") == zoo.judges
    assert zoo.choose(None) == zoo.sources
    assert zoo.choose(["resnet20_cifar10", "mine"]) == (zoo.judges[0], zoo.sources[0])
    images = torch.rand(2, 3, 32, 32)
    network = build("nin_cifar10", {}).eval()
    network.load_state_dict(torch.load(folder / "other.pt", weights_only=True))
    resized = nn.functional.interpolate(images, (31, 31), mode="bilinear")
    assert torch.allclose(spec.load()(images), network((resized - 0.5) / 0.25), atol=1e-5)


def test_a_folder_laid_out_as_pytorchcvs_store(folder: Path) -> None:
    (folder / "resnet20_cifar10.pth").rename(folder / "resnet20_cifar10-0597-9b0024ac.pth")
    (spec,) = Zoo.open(write(folder, sources=["resnet20_cifar10"])).models
    assert spec.weights == folder / "resnet20_cifar10-0597-9b0024ac.pth"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": ["cifar10"]}, r"data is \['cifar10'\]"),
        (
            {"sources": ["resnet20_cifar10"], "single": ["resnet20_cifar10"]},
            "it must be the name of a model",
        ),
        (
            {"sources": ["resnet57_cifar10"]},
            "no model 'resnet57_cifar10'; did you mean .*resnet56_cifar10",
        ),
        ({"sources": ["resnet18"]}, "resnet18 is a model of imagenet, the file is of cifar10"),
        ({"sources": [{"name": "resnet20_cifar10", "gmac": float("inf")}]}, "gmac is inf"),
        ({"data": "cifar11"}, "data is 'cifar11'; it must be one of mnist, cifar10, imagenet"),
        ({"source": []}, "unknown field 'source'; known are"),
        ({}, "lists no model"),
        ({"sources": "resnet20_cifar10"}, "source models must be a list"),
        ({"sources": [{"architecture": "resnet20_cifar10"}]}, "the field name is missing"),
        ({"sources": [{"name": "resnet20_cifar10", "weigths": "x"}]}, "unknown field 'weigths'"),
        ({"sources": [3]}, "expected names with values, found int"),
        (
            {"sources": ["resnet56_cifar10"]},
            r"folder .* has none of resnet56_cifar10\.safetensors, .*0452-628c42a2\.pth",
        ),
        ({"sources": [{"name": "resnet20_cifar10", "weights": "no.pth"}]}, r"no weight file .*no\.pth"),
        ({"sources": [{"name": "resnet20_cifar1", "weights": "other.pt"}]}, "pytorchcv has no model 'resnet20_cifar1'"),
        ({"sources": [{**RESNET32, "weights": "pretrained"}]}, "pytorchcv publishes no weights of it"),
        ({"sources": ["resnet20_cifar10"], "mean": [0.5]}, r"mean is \[0.5\]; it must be 3 numbers"),
        ({"sources": ["resnet20_cifar10"], "std": [0.5, 0, 1]}, "std must be above 0"),
        ({"sources": [{"name": "resnet20_cifar10", "size": "big"}]}, "size is 'big'"),
        ({"sources": [{"name": "resnet20_cifar10", "gmac": -1}]}, "gmac is -1"),
        ({"sources": [{"name": "resnet20_cifar10", "arguments": [1]}]}, "arguments must be names with values"),
        ({"sources": ["resnet20_cifar10", "resnet20_cifar10"]}, "model resnet20_cifar10 is named twice"),
        ({"sources": ["resnet20_cifar10"], "single": "resnet56_cifar10"}, "has no model 'resnet56_cifar10'"),
    ],
)
def test_files_that_say_something_wrong(folder: Path, content: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Zoo.open(write(folder, **content))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for text, message in (("[1, 2", "cannot be read"), ("- a", "expected names with values"), ("\0", "cannot be read")):
        (tmp_path / "zoo.yaml").write_text(text)
        with pytest.raises(InputError, match=message):
            Zoo.open(tmp_path / "zoo.yaml")


def test_another_class_count(folder: Path) -> None:
    torch.save(build("resnet20_cifar100", {}).state_dict(), folder / "resnet20_cifar100.pth")
    with pytest.raises(InputError, match=r"model resnet20_cifar100 gives \[1, 100\] for one image of 10 classes"):
        Zoo.open(write(folder, sources=["resnet20_cifar100"])).models[0].load()


def test_a_folder_of_that_name_does_not_hide_a_packaged_zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imagenet" / "val").mkdir(parents=True)
    assert len(Zoo.open(Path("imagenet")).judges) == 4


def test_weights_of_another_architecture_or_changed_since(folder: Path) -> None:
    entry = {"name": "resnet20_cifar10", "weights": "other.pt"}
    with pytest.raises(InputError, match=r"other\.pt does not fit resnet20_cifar10 \(resnet20_cifar10\): it lacks"):
        Zoo.open(write(folder, sources=[entry])).models[0].load()
    zoo = Zoo.open(write(folder, sources=["resnet20_cifar10"]))
    torch.save({}, folder / "resnet20_cifar10.pth")
    with pytest.raises(InputError, match=r"resnet20_cifar10\.pth has checksum .*restore the file"):
        zoo.models[0].load()


@pytest.mark.parametrize(
    ("sources", "message"),
    [(0, "sources is 0"), (2, "has 1 source models, 2 are needed"), (["a"], "has no model 'a'"), ([], "is named")],
)
def test_choices_that_a_zoo_cannot_meet(folder: Path, sources: int | list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Zoo.open(write(folder, sources=["resnet20_cifar10"])).choose(sources)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real weights under {SHARED}; set LIT_ADV_SHARED")
def test_real_weights_reach_their_accuracy(tmp_path: Path) -> None:
    """ResNet-20, -32 and -56 on the first hundred test images of CIFAR-10."""
    weights = str(SHARED / "weights" / "cifar10")
    scale = {"mean": list(IMAGENET_MEAN), "std": list(IMAGENET_STD)}
    path = write(tmp_path, weights=weights, sources=["resnet20_cifar10", RESNET32, "resnet56_cifar10"], **scale)
    images, labels = load_cifar10("npz", SHARED / "cifar10" / "cifar10_test_lossless_000-099.npz")
    right = [int((spec.load()(images).argmax(1) == labels).sum()) for spec in Zoo.open(path).models]
    assert right == [94, 92, 96]


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real weights under {SHARED}; set LIT_ADV_SHARED")
def test_real_weights_of_imagenet_fit(tmp_path: Path) -> None:
    names = sorted(re.sub(r"\.pth$", "", path.name) for path in (SHARED / "weights" / "imagenet").glob("*.pth"))
    assert names
    (tmp_path / "zoo.yaml").write_text(
        yaml.safe_dump({"data": "imagenet", "weights": str(SHARED / "weights" / "imagenet"), "sources": names})
    )
    for spec in Zoo.open(tmp_path / "zoo.yaml").models:
        assert spec.load()(torch.rand(1, 3, 224, 224)).shape == (1, 1000)
