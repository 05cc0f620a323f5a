"""CIFAR-10 from arrays, good and bad."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.cifar10 import CIFAR10, load_cifar10
from lit_adv.errors import InputError

SHARED = Path(os.environ.get("LIT_ADV_CIFAR10", Path(__file__).parents[3] / "shared" / "data" / "cifar10"))
EXACT = SHARED / "cifar10_test_lossless_000-099.npz"


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "test.npz", x=x, y=np.arange(30) % 10)
    return tmp_path / "test.npz"


def test_the_first_of_each_class(arrays: Path) -> None:
    module = CIFAR10(source="npz", root=arrays, per_class=2)
    module.setup("predict")
    assert module.selection.index.tolist() == [i for c in range(10) for i in (c, c + 10)]
    with np.load(arrays) as content:
        pixel = content["x"][10, 5, 6].tolist()
    assert torch.allclose(module.selection.images[1, :, 5, 6] * 255, torch.tensor(pixel).float())


def test_bad_files(arrays: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*none.npz"):
        load_cifar10("npz", tmp_path / "none.npz")
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is damaged"):
        load_cifar10("npz", arrays)
    np.savez(arrays, x=np.zeros((3, 32, 32), np.uint8), y=np.zeros(3, np.int64))
    with pytest.raises(InputError, match=r"images are uint8 \[3, 32, 32\]"):
        load_cifar10("npz", arrays)
    np.savez(arrays, x=np.zeros((3, 32, 32, 3), np.uint8), y=np.zeros((3, 1), np.int64))
    with pytest.raises(InputError, match=r"labels y are int64 \[3, 1\]"):
        load_cifar10("npz", arrays)
    np.save(arrays.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(InputError, match="is damaged or has no arrays"):
        load_cifar10("npz", arrays.with_suffix(".npy"))
    np.savez(arrays, x=np.array([{"a": 1}], dtype=object), y=np.zeros(1))
    with pytest.raises(InputError, match="is damaged or has no arrays"):
        load_cifar10("npz", arrays)


@pytest.mark.skipif(not EXACT.is_file(), reason=f"no exact CIFAR-10 images at {EXACT}; set LIT_ADV_CIFAR10")
def test_the_real_images() -> None:
    images, labels = load_cifar10("npz", EXACT)
    assert images.shape == (100, 3, 32, 32)
    assert labels[:5].tolist() == [3, 8, 8, 0, 6]  # cat, ship, ship, airplane, frog
