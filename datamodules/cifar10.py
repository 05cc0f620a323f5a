"""CIFAR-10 from torchvision, or from arrays in an npz file."""

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from zipfile import ZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.labelled import Labelled, TrainingData
from datamodules.replicas import ReplicaDataModule
from datamodules.selection import Selection, check_labels, first_per_class, with_targets
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.files import expanded

Source = Literal["torchvision", "npz"]
Array = np.ndarray[Any, Any]
CLASSES = 10
SIDE = 32
LARGEST = 2**31
"""Most bytes that the arrays of an npz file may have together."""


def load_cifar10(source: Source, root: Path, train: bool = False) -> tuple[Tensor, Tensor]:
    """Loads the test images, or the training images.

    Args:
        source: `torchvision` uses the files in the folder `root`, checks their checksums, and downloads them if they
            are missing. `npz` reads the file `root` with the arrays `y` `[N]` and `x` uint8 `[N, 32, 32, 3]`. In place
            of `x` there can be JPEG files laid end to end in `jpeg` uint8, the i-th from `offset[i]` to
            `offset[i + 1]`.
        root: folder or file of the images.
        train: load torchvision's training images; an npz file has one part only.

    Returns:
        Images `[N, 3, 32, 32]` float32 in [0, 1], and labels `[N]` int64.

    Raises:
        InputError: the images are missing, cannot be downloaded, or are damaged.
    """
    root = expanded(root)
    pixels, labels = _torchvision(root, train) if source == "torchvision" else _arrays(root)
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), 32, 32, 3):
        raise InputError(
            f"{root}: images are {pixels.dtype} {list(pixels.shape)}, want uint8 [{len(labels)}, 32, 32, 3] of 0 to 255"
        )
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    numbers = torch.from_numpy(labels.astype(np.int64))
    check_labels(numbers, CLASSES, root)
    return images.contiguous(), numbers


def _torchvision(root: Path, train: bool) -> tuple[Array, Array]:
    from torchvision.datasets import CIFAR10 as Files
    from torchvision.datasets.utils import check_integrity

    try:
        files = Files(str(root), train=train, download=True)
    except (OSError, RuntimeError, ValueError) as error:
        folder = root / Files.base_folder
        expected = {**dict(Files.train_list + Files.test_list), Files.meta["filename"]: Files.meta["md5"]}
        missing = [name for name in expected if not (folder / name).is_file()]
        damaged = [
            name for name, md5 in expected.items() if name not in missing and not check_integrity(folder / name, md5)
        ]
        wanted = [
            f"{', '.join(names)} ({what})" for names, what in ((damaged, "damaged"), (missing, "missing")) if names
        ]
        raise InputError(
            f"CIFAR-10 in {folder} is not whole: {', '.join(wanted)}; cannot download it: {error}; "
            "put torchvision's files there"
        ) from error
    return files.data, np.asarray(files.targets)


def _arrays(path: Path) -> tuple[Array, Array]:
    if not path.is_file():
        raise InputError(f"no file {path}; the npz source needs an npz file with arrays x and y")
    try:
        with ZipFile(path) as archive:
            if (size := sum(member.file_size for member in archive.infolist())) > LARGEST:
                raise InputError(f"{path} unpacks to {size} bytes, more than {LARGEST}; take fewer images")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            labels = np.asarray(content["y"])  # numpy gives bytes where a member is no array
            pixels = np.asarray(content["x"]) if "x" in content else _decoded(content["jpeg"], content["offset"])
    except InputError:
        raise
    except Exception as error:  # damage shows in errors of every kind, of numpy, zip, zlib and JPEG
        raise InputError(f"{path} is damaged or has no arrays x and y: {error}") from error
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{path}: labels y are {labels.dtype} {list(labels.shape)}, want one integer for each image")
    return pixels, labels


def _decoded(jpeg: Array, offset: Array) -> Array:
    """Returns the pictures; those of another size are refused before they are unpacked."""
    pixels = []
    for number, (begin, end) in enumerate(pairwise(offset.tolist())):
        with Image.open(BytesIO(jpeg[begin:end].tobytes()), formats=("JPEG",)) as picture:
            if picture.size != (SIDE, SIDE):
                raise ValueError(f"picture {number} has {picture.size} pixels")
            pixels.append(np.asarray(picture.convert("RGB")))
    return np.stack(pixels)


class CIFAR10(ReplicaDataModule):
    """First k test images of each class, with noisy copies.

    Args:
        root: folder or file of the images, see `load_cifar10`.
        source: origin of the images, see `load_cifar10`.
        per_class: k, number of images of each class; None for all.
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

    image_shape = DATA_SETS["cifar10"].image_shape

    def __init__(
        self,
        root: Path,
        source: Source = "torchvision",
        per_class: int | None = 10,
        targets: dict[int, int] | None = None,
        copies: int = 1,
        sigma: float = 0.0,
        seed: int = 0,
        batch_size: int = 100,
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
        self.root = expanded(root)
        self.source = source
        self.targets = targets

    def select(self) -> Selection:
        images, labels = load_cifar10(self.source, self.root)
        selection = first_per_class(images, labels, self.per_class, CLASSES)
        return selection if self.targets is None else with_targets(selection, self.targets, CLASSES)

    def describe(self) -> dict[str, object]:
        return {"name": "cifar10", "source": self.source, "per_class": self.per_class, "targets": self.targets}


class CIFAR10Training(TrainingData):
    """All images of CIFAR-10, for training.

    Args:
        source: `torchvision` downloads CIFAR-10 into `root`; `npz` reads `train_file` and `test_file`.
        root: torchvision's folder.
        train_file: npz file of training images.
        test_file: npz file of test images.
        batch_size: number of images in a training step; by default 128.

    Raises:
        InputError: a file or folder is not given.
    """

    def __init__(
        self,
        source: Source = "torchvision",
        root: Path | None = None,
        train_file: Path | None = None,
        test_file: Path | None = None,
        batch_size: int | None = None,
    ) -> None:
        super().__init__("cifar10", batch_size)
        self.source: Source = source
        first, second = (root, root) if source == "torchvision" else (train_file, test_file)
        if first is None or second is None:
            wanted = "--root FOLDER" if source == "torchvision" else "--train_file and --test_file"
            raise InputError(f"source {source} needs {wanted}")
        self.train_file, self.test_file = first, second

    def load(self) -> Labelled:
        train, test = load_cifar10(self.source, self.train_file, train=True), load_cifar10(self.source, self.test_file)
        return Labelled(*train, *test)
