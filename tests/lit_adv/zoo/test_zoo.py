"""A zoo opens in order, refuses what does not fit, and folding its models changes next to nothing."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from datamodules.labelled import Labelled
from lit_adv.cli import main
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


def test_a_model_that_was_copied_is_refused(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a file manager copies it; the word is that of `predict`, with exit code 2."""
    for ending in ("json", "safetensors"):
        shutil.copy(copy / f"model-003.{ending}", copy / f"model-003 (1).{ending}")
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", "mnist-nmm-bim", "--zoo", str(copy), "--out", str(copy.parent / "out")])
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line == (
        f"lit-adv: zoo {copy}: model-003.json and model-003 (1).json are both named model-003; move one of them away"
    )
    assert not (copy.parent / "out").exists()


def test_the_same_weights_under_another_name(copy: Path) -> None:
    manifest = json.loads((copy / "model-003.json").read_text())
    (copy / "model-004.json").write_text(json.dumps(manifest | {"name": "model-004"}))
    with pytest.raises(InputError, match=r"model-004\.json and model-003\.json are one model, of the same weights"):
        Zoo.open(copy)


def test_a_zoo_file_lists_a_model_once(copy: Path) -> None:
    """In a role; the same weights behind another normalisation are another model."""
    weights = str(copy / "model-001.safetensors")
    one: dict[str, object] = {"architecture": "vgg16_like", "arguments": {"width": 2}, "weights": weights, "gmac": 1}
    path = copy / "zoo.yaml"

    def opened(**second: object) -> Zoo:
        models = [one | {"name": "a"}, one | {"name": "b"} | second]
        path.write_text(yaml.safe_dump({"data": "mnist", "sources": models, "test": [one | {"name": "white box"}]}))
        return Zoo.open(path)

    with pytest.raises(InputError, match=r"zoo\.yaml: b and a are one model, of the same weights"):
        opened()
    assert len(opened(mean=[0.5]).models) == 3


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"name": "a"}', "\x00\x05\x16\x07"])
def test_foreign_json_files(copy: Path, content: str) -> None:
    """Hidden ones, as macOS puts beside copied files, are passed over; others are named."""
    (copy / "._model-003.json").write_text(content)
    assert len(Zoo.open(copy).models) == 4
    (copy / "settings.json").write_text(content)
    with pytest.raises(InputError, match=r"settings\.json.*; .*move it out of the zoo's folder") as error:
        Zoo.open(copy)
    assert "train" not in str(error.value)


def test_a_folder_named_like_a_manifest(copy: Path) -> None:
    (copy / "old.json").mkdir()
    with pytest.raises(InputError, match=r"cannot read .*old\.json: .*Is a directory"):
        Zoo.open(copy)


@pytest.mark.parametrize("name", ["with spaces", "Möbel ü", "link"])
def test_folders_of_odd_names(copy: Path, name: str) -> None:
    path = copy.parent / name
    path.symlink_to(copy) if name == "link" else copy.rename(path)
    zoo = Zoo.open(path)
    assert len(zoo.models) == 4
    zoo.models[0].load()
