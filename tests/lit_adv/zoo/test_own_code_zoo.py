"""Zoos with models of the user's own code: trust, identity, and the networks of `imagenet_more`."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.models.build import Prepared, build
from lit_adv.models.fast import fast_form
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo

SHARED = Path(os.environ.get("LIT_ADV_SHARED", Path(__file__).parents[4] / "shared")) / "data"
Entry = dict[str, object]


def zoo_file(folder: Path, *entries: Entry | str, **content: object) -> Path:
    (folder / "zoo.yaml").write_text(yaml.safe_dump({"data": "mnist", "sources": list(entries), **content}))
    return folder / "zoo.yaml"


def linear(package: str, **fields: object) -> Entry:
    return {"name": "mine", "architecture": f"{package}:linear", **fields}


def test_code_that_is_not_trusted_is_not_imported(package: str, tmp_path: Path, zoo: Zoo) -> None:
    message = rf"{package}:linear runs code of the package {package}; if you trust it, add --trust {package}"
    path = zoo_file(tmp_path, linear(package))
    for trust in ((), ("torch",)):
        with pytest.raises(InputError, match=rf"zoo\.yaml, model mine: {message}"):
            Zoo.open(path, trust)
    manifest = json.loads(next(zoo.path.glob("*.json")).read_text())
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps({**manifest, "architecture": f"{package}:linear", "arguments": {}}))
    with pytest.raises(InputError, match=rf"a\.json: {message}"):
        Zoo.open(folder)
    assert not (tmp_path / "imported").exists()
    Zoo.open(folder, [package])
    Zoo.open(path, [package])
    assert (tmp_path / "imported").exists()


def test_the_command_line_trusts_what_it_is_told(
    package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = zoo_file(tmp_path, linear(package), test=[linear(package, name="judge", arguments={"seed": 1})])
    words = ["--zoo", str(path), "--out", str(tmp_path / "out")]
    short = ["--data.per_class", "1", "--model.attack.steps", "1", "--trainer.accelerator", "cpu"]
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", "mnist-mm-bim", *words, *short])
    [line] = capsys.readouterr().err.strip().splitlines()
    assert f"add --trust {package} " in line
    assert not (tmp_path / "imported").exists()
    main(["predict", "--config", "mnist-mm-bim", *words, *short, "--trust", package])
    main(["test", "--config", "mnist-test", *words, "--trust", package])
    judges = json.loads((tmp_path / "out" / "evaluation.json").read_text())["judges"]
    assert not judges["judge"]["white_box"]
    assert judges["judge"]["checksum"].startswith("tensors:")


def test_weights_that_the_code_brings_along(package: str, tmp_path: Path) -> None:
    entries = [linear(package, weights="built", arguments={"seed": seed}, name=f"m{seed}") for seed in (0, 1)]
    first, second = Zoo.open(zoo_file(tmp_path, *entries), [package]).models
    assert first.checksum != second.checksum
    assert (first.size, first.mean, first.std, first.macs, first.at_hand()) == (None, (0.0,), (1.0,), 7840, True)
    model = first.load()
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    (again,) = Zoo.open(zoo_file(tmp_path, linear(package)), [package]).models
    assert again.checksum == first.checksum
    images = torch.rand(2, 1, 28, 28)
    assert torch.equal(again.load()(images), model(images))
    (scaled,) = Zoo.open(zoo_file(tmp_path, linear(package, mean=[0.5], std=[0.25])), [package]).models
    assert isinstance(scaled.load(), Prepared)


def test_a_name_alone(package: str, tmp_path: Path) -> None:
    (spec,) = Zoo.open(zoo_file(tmp_path, f"{package}:linear"), [package]).models
    assert spec.name == f"{package}-linear"
    assert spec.load()(torch.rand(1, 1, 28, 28)).shape == (1, 10)


def test_weights_of_a_file(package: str, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    (spec,) = Zoo.open(zoo_file(tmp_path, linear(package, weights=".")), [package]).models
    assert spec.checksum.startswith("sha256:")
    images = torch.rand(2, 1, 28, 28)
    assert torch.equal(spec.load()(images), network(images))


def test_weights_that_are_drawn_at_random_are_found(package: str, tmp_path: Path) -> None:
    with (tmp_path / f"{package}.py").open("a") as file:
        file.write("\n\ndef drawn():\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))\n")
    (spec,) = Zoo.open(zoo_file(tmp_path, f"{package}:drawn"), [package]).models
    with pytest.raises(InputError, match=r"drawn gives other weights each time.*save its state_dict\(\)"):
        spec.load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"architecture": "vgg16_like", "weights": "built"}, "only own code brings its weights"),
        ({"arguments": {"classes": 3}}, r"model mine gives \[1, 3\] for one image of 10 classes"),
        ({"arguments": [1]}, "arguments must be names with values"),
        ({"size": 14}, r"model mine: it does not take images \[1, 14, 14\]: RuntimeError: mat1 and mat2"),
    ],
)
def test_wrong_entries(package: str, tmp_path: Path, fields: Entry, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Zoo.open(zoo_file(tmp_path, {**linear(package), **fields}), [package]).models[0].load()


MORE = SHARED / "weights" / "imagenet_more"
"""Trained networks with a module of their own, which reads their weights."""


@pytest.fixture
def more(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of `nets.py`, as the working directory."""
    if not (MORE / "nets.py").is_file():
        pytest.skip(f"no networks of own code under {MORE}; set LIT_ADV_SHARED")
    monkeypatch.chdir(MORE)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield MORE
    sys.modules.pop("nets", None)


def nets(name: str) -> Entry:
    return {"name": name, "architecture": "nets:build", "arguments": {"name": name}}


@pytest.mark.parametrize("name", ["proxylessnas_03_128", "mcunet_5fps_128", "mobilenet_v1_025_128"])
def test_networks_of_others_keep_their_function(more: Path, tmp_path: Path, name: str) -> None:
    (spec,) = Zoo.open(zoo_file(tmp_path, nets(name), data="imagenet"), ["nets"]).models
    model = spec.load().double()
    fast = fast_form(model, spec.example().double())
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = []
    for form in (fast, model):
        x = images.clone().requires_grad_()
        form(x).amax(1).sum().backward()
        gradients.append(x.grad)
    assert torch.allclose(fast(images), model(images), atol=1e-9)
    assert (gradients[0] - gradients[1]).norm() <= 1e-9 * gradients[1].norm()


def test_networks_of_others_attacked_and_judged(more: Path, tmp_path: Path) -> None:
    """Beside one of pytorchcv, on a photograph, by the command line."""
    sources = [nets("mobilenet_v1_025_128"), nets("mcunet_5fps_128"), "fdmobilenet_wd4"]
    weights = str(SHARED / "weights" / "imagenet")
    judge = {**nets("proxylessnas_03_128"), "weights": "built"}
    entries = [{**entry, "weights": "built"} if isinstance(entry, dict) else entry for entry in sources]
    path = zoo_file(tmp_path, *entries, data="imagenet", weights=weights, test=[judge])
    words = ["--zoo", str(path), "--out", str(tmp_path / "out"), "--trust", "nets", "--trainer.accelerator", "cpu"]
    images = [
        "--data.root",
        str(SHARED / "imagenet" / "val"),
        "--data.classes",
        "[cock,lemon]",
        "--data.per_class",
        "1",
    ]
    main(["predict", "--config", "imagenet-mm-bim", *words, *images, "--model.attack.steps", "2"])
    main(["test", "--config", "imagenet-test", *words])
    found = PerturbationSet.load(tmp_path / "out")
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())["judges"][judge["name"]]
    network = build("nets:build", {"name": judge["name"]})
    for picture, accuracy in ((found.image, "clean"), (found.image + 0.02 * found.perturbation.sign(), "attack")):
        right = (network(picture.clamp(0, 1)).argmax(1) == found.label).float().mean().item()
        assert figures[accuracy] == right
    assert not figures["white_box"]
    assert len(found.manifest.sources) == 3
