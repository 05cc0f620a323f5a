"""A zoo opens in order, refuses what does not fit, and folding its models changes next to nothing."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from datamodules.labelled import Labelled
from lit_adv.errors import InputError
from lit_adv.files import sha256
from lit_adv.models.fast import fast_form
from lit_adv.zoo.zoo import Zoo


@pytest.fixture
def copy(zoo: Zoo, tmp_path: Path) -> Path:
    shutil.copytree(zoo.path, tmp_path / "zoo")
    return tmp_path / "zoo"


def test_roles_and_order(zoo: Zoo) -> None:
    assert [m.name for m in zoo.models] == ["model-000", "model-001", "model-002", "model-003"]
    assert [m.name for m in zoo.judges] == ["model-000"]
    assert [m.name for m in zoo.sources] == ["model-001", "model-002", "model-003"]
    assert len({m.checksum for m in zoo.models}) == 4


def test_manifest_tells_the_accuracy(zoo: Zoo, digits: Labelled) -> None:
    for spec in zoo.models:
        model = spec.load()
        assert not any(p.requires_grad for p in model.parameters())
        right = (model(digits.test_images).argmax(1) == digits.test_labels).float().mean().item()
        assert right == pytest.approx(spec.training["accuracy"], abs=5e-3)  # some digits lie between classes


def test_fast_form_is_the_same_function(zoo: Zoo, digits: Labelled) -> None:
    model = zoo.sources[0].load().double()
    fast = fast_form(model)
    images = digits.test_images[:64].double()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fast.modules())
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())
    assert torch.allclose(fast(images), model(images), atol=1e-9)


def test_no_folder_and_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a folder nor a file, nor one of cifar10, imagenet"):
        Zoo.open(tmp_path / "none")
    with pytest.raises(InputError, match="no finished model"):
        Zoo.open(tmp_path)


def test_changed_weights(copy: Path) -> None:
    weights = copy / "model-001.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    zoo = Zoo.open(copy)
    with pytest.raises(InputError, match="checksum"):
        zoo.models[1].load()


def test_weights_of_another_architecture(copy: Path) -> None:
    weights, manifest = copy / "model-001.safetensors", copy / "model-001.json"
    tensors = load_file(weights)
    tensors["0.weight"] = torch.zeros(5, 1, 3, 3)
    save_file(tensors, weights)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "checksum": f"sha256:{sha256(weights)}"}))
    zoo = Zoo.open(copy)
    with pytest.raises(InputError, match="does not fit"):
        zoo.models[1].load()


def test_missing_weights_and_damaged_manifests(copy: Path) -> None:
    (copy / "model-001.safetensors").unlink()
    zoo = Zoo.open(copy)
    with pytest.raises(InputError, match="no weight file"):
        zoo.models[1].load()
    (copy / "model-002.json").write_text("{")
    with pytest.raises(InputError, match="damaged or not JSON"):
        Zoo.open(copy)
    (copy / "model-002.json").write_text("{}")
    with pytest.raises(InputError, match="no model manifest"):
        Zoo.open(copy)
