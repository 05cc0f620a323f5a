"""FashionMNIST and KMNIST: their own files by checksum, any of that format, never each other's or MNIST's."""

import gzip
import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.like_mnist import KMNIST, FashionMNIST, Name, load_like_mnist, whose
from datamodules.mnist import load_mnist
from lit_adv.errors import InputError
from tests.datamodules.test_mnist import SHARED_MNIST, write_idx


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty pictures of ten classes for training and testing, whose checksums torchvision knows as FashionMNIST's."""
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for stem in ("train", "t10k"):
        write_idx(raw / f"{stem}-images-idx3-ubyte.gz", generator.integers(0, 256, (20, 28, 28)))
        write_idx(raw / f"{stem}-labels-idx1-ubyte.gz", np.arange(20) % 10)
    known = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(raw.iterdir(), reverse=True)]
    monkeypatch.setattr("torchvision.datasets.FashionMNIST.resources", known)
    for name in ("FashionMNIST", "KMNIST"):
        monkeypatch.setattr(f"torchvision.datasets.{name}.mirrors", ["http://127.0.0.1:9/"])
    return raw


def test_files_of_known_checksums(raw: Path, tmp_path: Path) -> None:
    data = load_like_mnist("fashionmnist", "torchvision", tmp_path)
    assert data.train_images.shape == data.test_images.shape == (20, 1, 28, 28)
    assert data.test_labels.tolist() == [i % 10 for i in range(20)]
    assert not torch.equal(data.train_images, data.test_images)
    shutil.copytree(raw, tmp_path / "others")
    assert torch.equal(load_like_mnist("fashionmnist", "folder", tmp_path / "others").test_images, data.test_images)
    assert whose(raw) == "fashionmnist"
    with pytest.raises(InputError, match=r"holds FashionMNIST's files, not KMNIST's; give --data fashionmnist"):
        load_like_mnist("kmnist", "folder", tmp_path / "others")


def test_a_changed_or_missing_file(raw: Path, tmp_path: Path) -> None:
    path = raw / "t10k-labels-idx1-ubyte.gz"
    write_idx(path, np.arange(1, 21) % 10)
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte\.gz is not FashionMNIST's own by its checksum"):
        load_like_mnist("fashionmnist", "torchvision", tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot download FashionMNIST into .*; put .* into .*raw"):
        load_like_mnist("fashionmnist", "torchvision", tmp_path)
    for one in raw.glob("*.gz"):  # unpacked files are enough for torchvision, but their checksums are not known
        one.with_suffix("").write_bytes(gzip.decompress(one.read_bytes()))
        one.unlink()
    write_idx(path.with_suffix(""), np.arange(20) % 10)
    with pytest.raises(InputError, match=r"no file .*\.gz, whose checksum is known; delete the unpacked"):
        load_like_mnist("fashionmnist", "torchvision", tmp_path)
    assert len(load_like_mnist("fashionmnist", "folder", tmp_path).test_labels) == 20


@pytest.mark.parametrize("name", ["fashionmnist", "kmnist"])
def test_no_folder_and_no_connection(name: Name, raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs a folder: give --data\.root"):
        load_like_mnist(name, "torchvision", None)
    with pytest.raises(InputError, match="cannot download"):
        load_like_mnist(name, "torchvision", tmp_path / "none")


@pytest.mark.parametrize(("module", "name"), [(FashionMNIST, "fashionmnist"), (KMNIST, "kmnist")])
def test_modules(module: Any, name: str, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.like_mnist.whose", lambda folder: None)
    data = module("folder", raw, per_class=1)
    data.setup("predict")
    assert data.selection.labels.tolist() == list(range(10))
    assert data.describe()["name"] == name


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason=f"the full MNIST is not at {SHARED_MNIST}; set LIT_ADV_MNIST")
def test_mnists_own_files_are_not_taken_for_others() -> None:
    load_mnist("folder", SHARED_MNIST)
    with pytest.raises(InputError, match="holds MNIST's own files, not KMNIST's; give --data mnist"):
        load_like_mnist("kmnist", "folder", SHARED_MNIST)
