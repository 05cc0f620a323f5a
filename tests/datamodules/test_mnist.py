"""The three sources of digits, and their damaged forms."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.claims import BatchClaim
from datamodules.labelled import Labelled
from datamodules.mnist import MNIST, load_mnist
from lit_adv.errors import InputError

SHARED_MNIST = Path(os.environ.get("LIT_ADV_MNIST", Path(__file__).parents[3] / "shared" / "data" / "mnist"))


def write_idx(path: Path, array: np.ndarray) -> None:
    content = (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty train and twenty test pictures, two of each class, half of the files gzipped."""
    generator = np.random.default_rng(0)
    for stem, n, ending in (("train", 30, ".gz"), ("t10k", 20, "")):
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte{ending}", generator.integers(0, 256, (n, 28, 28)))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte{ending}", np.arange(n) % 10)
    return tmp_path


def test_digits_split_once_and_never_overlap(digits: Labelled) -> None:
    assert digits.train_images.shape == (4000, 1, 28, 28)
    assert digits.test_images.shape == (1000, 1, 28, 28)
    assert torch.bincount(digits.train_labels).tolist() == [400] * 10
    assert torch.bincount(digits.test_labels).tolist() == [100] * 10
    assert digits.train_images.min() == 0
    assert digits.train_images.max() == 1
    train = {row.numpy().tobytes() for row in digits.train_images}
    assert not any(row.numpy().tobytes() in train for row in digits.test_images)


def test_folder_plain_gzipped_and_in_torchvisions_layout(folder: Path, tmp_path: Path) -> None:
    data = load_mnist("folder", folder)
    assert data.train_images.shape == (30, 1, 28, 28)
    assert data.test_labels.tolist() == [i % 10 for i in range(20)]
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for path in folder.glob("*-ubyte*"):
        path.rename(raw / path.name)
    assert torch.equal(load_mnist("folder", tmp_path / "root").test_images, data.test_images)


def test_torchvision_reads_what_is_there_and_says_when_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(InputError, match=r"cannot download MNIST into .* use the source folder"):
        load_mnist("torchvision", tmp_path)


def test_no_root_and_unknown_source() -> None:
    with pytest.raises(InputError, match="needs a folder"):
        load_mnist("folder")
    with pytest.raises(InputError, match="unknown; choose one of digits, torchvision, folder"):
        load_mnist("hub")  # type: ignore[arg-type]


def test_missing_cut_and_mismatched_files(folder: Path) -> None:
    images = folder / "t10k-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-1])
    with pytest.raises(InputError, match="t10k-images-idx3-ubyte is damaged"):
        load_mnist("folder", folder)
    images.write_bytes(whole[:2])
    with pytest.raises(InputError, match="is damaged"):
        load_mnist("folder", folder)
    images.unlink()
    with pytest.raises(InputError, match="no file t10k-images-idx3-ubyte"):
        load_mnist("folder", folder)
    write_idx(images, np.zeros((19, 28, 28)))
    with pytest.raises(InputError, match="do not match"):
        load_mnist("folder", folder)
    zipped = folder / "train-images-idx3-ubyte.gz"
    zipped.write_bytes(zipped.read_bytes()[:100])
    with pytest.raises(InputError, match="gz is damaged"):
        load_mnist("folder", folder)


def test_label_out_of_range(folder: Path) -> None:
    write_idx(folder / "t10k-labels-idx1-ubyte", np.full(20, 10))
    with pytest.raises(InputError, match="label 10 of image 0 is out of range"):
        load_mnist("folder", folder)


def test_selection_is_the_first_of_each_class(folder: Path) -> None:
    module = MNIST(source="folder", root=folder, per_class=2)
    module.setup("predict")
    assert module.selection.index.tolist() == [i for c in range(10) for i in (c, c + 10)]
    assert module.selection.labels.tolist() == [c for c in range(10) for _ in range(2)]
    with pytest.raises(InputError, match="has 2 images, per_class asks for 3"):
        MNIST(source="folder", root=folder, per_class=3).setup("predict")


@pytest.mark.parametrize(
    ("name", "value"),
    [("copies", 0), ("sigma", -0.1), ("sigma", float("nan")), ("seed", -1), ("batch_size", 0), ("per_class", 0)],
)
def test_numbers_out_of_range(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} is"):
        MNIST(**{name: value})  # type: ignore[arg-type]


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason=f"the full MNIST is not at {SHARED_MNIST}; set LIT_ADV_MNIST")
def test_the_real_mnist() -> None:
    data = load_mnist("folder", SHARED_MNIST)
    assert data.train_images.shape == (60000, 1, 28, 28)
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.train_images.mean().item() == pytest.approx(0.1307, abs=1e-4)


def test_targets_choose_the_classes(folder: Path) -> None:
    module = MNIST(source="folder", root=folder, per_class=2, targets={3: 8, 1: 7})
    module.setup("predict")
    assert module.selection.labels.tolist() == [1, 1, 3, 3]
    assert module.selection.targets is not None
    assert module.selection.targets.tolist() == [7, 7, 8, 8]
    for targets, message in (
        ({1: 1}, "class 1 has itself as target"),
        ({1: 10}, "target 10 of class 1: classes are 0 to 9"),
        ({}, "no image is of a class that has a target"),
    ):
        with pytest.raises(InputError, match=message):
            MNIST(source="folder", root=folder, per_class=2, targets=targets).setup("predict")


def test_few_pairs_share_a_batch_between_models_that_can(folder: Path) -> None:
    def stacked(**words: int) -> int:
        module = MNIST(source="folder", root=folder, costs=[1.0] * 7, **{"stackable": True, **words})  # type: ignore[arg-type]
        module.setup("predict")
        return module.plan.stacked

    assert stacked(per_class=1) == 7
    assert stacked(per_class=1, batch_size=50) == 5
    assert stacked(per_class=1, batch_size=5) == 1
    assert stacked(per_class=2, copies=2) == 1  # 40 pairs fill a batch well enough
    assert stacked(per_class=1, stackable=False) == 1


def test_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "Ziffern für mich").symlink_to(folder)
    monkeypatch.setenv("HOME", str(folder))
    assert len(load_mnist("folder", Path("~/Ziffern für mich")).test_labels) == 20
    MNIST(source="folder", root=Path("~/Ziffern für mich"), per_class=1).select()
    with pytest.raises(InputError, match="home folder of ~nobody-of-this-name is unknown"):
        MNIST(source="folder", root=Path("~nobody-of-this-name"))


def test_digits_of_ones_own_are_named_and_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_mnist("folder", folder)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"not MNIST's own by their checksums, in {folder}: train-images-idx3-ubyte.gz, train-labels")
    assert line.endswith("t10k-labels-idx1-ubyte; they are taken as they are")
    with pytest.raises(
        InputError, match=r"not MNIST's own by their checksums, in .*; delete them, and they are fetched"
    ):
        load_mnist("torchvision", folder)


@pytest.mark.skipif(not SHARED_MNIST.is_dir(), reason=f"the full MNIST is not at {SHARED_MNIST}; set LIT_ADV_MNIST")
def test_one_wrong_byte_of_the_real_mnist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in SHARED_MNIST.glob("*.gz"):
        (tmp_path / path.name).symlink_to(path.resolve())
    load_mnist("torchvision", tmp_path)  # nothing to download
    assert capsys.readouterr().err == ""
    name = "t10k-images-idx3-ubyte"
    content = bytearray(gzip.decompress((SHARED_MNIST / f"{name}.gz").read_bytes()))
    content[5000] ^= 1
    (tmp_path / name).write_bytes(content)  # read rather than the whole one beside it
    load_mnist("folder", tmp_path)
    assert capsys.readouterr().err == (
        f"not MNIST's own by their checksums, in {tmp_path}: {name}; they are taken as they are\n"
    )
    with pytest.raises(InputError, match=f"in {tmp_path}: {name}; delete them"):
        load_mnist("torchvision", tmp_path)


def test_a_folder_that_cannot_be_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", Path("/proc/none"), tmp_path):
        message = f"cannot download MNIST into {root}: .*; put train-images-idx3-ubyte, .* into {root}/MNIST/raw"
        with pytest.raises(InputError, match=message):
            load_mnist("torchvision", root)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("per_class", -1), ("per_class", 2.5), ("copies", -3), ("copies", 1.5), ("batch_size", -1), ("seed", 0.5),
        ("seed", 2**128), ("sigma", float("inf")), ("sigma", -float("inf")), ("sigma", 1e30), ("sigma", 101.0),
    ],
)  # fmt: skip
def test_more_numbers_out_of_range(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"^{name} is .*; it must be"):
        MNIST(**{name: value})  # type: ignore[arg-type]


def test_the_largest_seed_gives_noise() -> None:
    module = MNIST(per_class=1, seed=2**128 - 1, sigma=0.1)
    module.setup("predict")
    batch = module.dataset()[BatchClaim(0, None)]
    assert abs((batch.noisy - batch.clean).std().item() - 0.1) < 0.01


def test_training_digits_with_targets_of_their_own(digits: Labelled) -> None:
    module = MNIST(per_class=None, split="training", targets="random", seed=3)
    module.setup("predict")
    found = module.selection
    assert torch.equal(found.images, digits.train_images)
    assert found.targets is not None
    pairs = torch.zeros(10, 10, dtype=torch.int64)
    pairs.index_put_((found.labels, found.targets), torch.ones(4000, dtype=torch.int64), accumulate=True)
    assert not pairs.diagonal().any()
    assert pairs[~torch.eye(10, dtype=torch.bool)].min() > 20  # 44 expected of each
    fewer = MNIST(per_class=3, split="training", targets="random", seed=3)
    fewer.setup("predict")
    assert fewer.selection.targets is not None
    assert torch.equal(fewer.selection.targets, found.targets[fewer.selection.index])
    other = MNIST(per_class=3, split="training", targets="random", seed=4).select()
    assert not torch.equal(other.targets, fewer.selection.targets)
    assert fewer.describe()["split"] == "training"
    assert "split" not in MNIST().describe()
