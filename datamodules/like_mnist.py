"""FashionMNIST and KMNIST: torchvision's files, in MNIST's format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from datamodules.idx import ORIGINAL, is_original, labelled_images, read_file, read_idx
from datamodules.labelled import Labelled, TrainingData
from datamodules.mnist import MNIST, Split
from lit_adv.errors import InputError
from lit_adv.files import expanded

Name = Literal["fashionmnist", "kmnist"]
Source = Literal["torchvision", "folder"]
CLASSES: Final = {"fashionmnist": "FashionMNIST", "kmnist": "KMNIST"}
"""Name of a data set to that of torchvision's class."""


def load_like_mnist(name: Name, source: Source, root: Path | None) -> Labelled:
    """Loads all training and test images of FashionMNIST or KMNIST.

    Args:
        name: of the data set.
        source: `torchvision` downloads into `root` what is missing there, checks the checksums of the four packed files
            and reads them; `folder` reads four files of MNIST's names in `root`, gzipped or not, of any origin.
        root: folder.

    Raises:
        InputError: `root` is missing, a file is missing, damaged or of another data set.
    """
    if root is None:
        raise InputError(f"{CLASSES[name]} needs a folder: give --data.root")
    root = expanded(root)
    raw = root / CLASSES[name] / "raw"
    if source == "torchvision":
        return labelled_images(_packed(name, root, raw), raw)
    folder = raw if raw.is_dir() else root
    values = {file: read_idx(folder, file, 3 if "images" in file else 1) for file in ORIGINAL}
    if any(is_original(file, values[file]) for file in ORIGINAL):
        raise InputError(f"{folder} holds MNIST's own files, not {CLASSES[name]}'s; give --data mnist")
    if (found := whose(folder)) not in (None, name):
        raise InputError(f"{folder} holds {CLASSES[str(found)]}'s files, not {CLASSES[name]}'s; give --data {found}")
    return labelled_images(values, folder)


def whose(folder: Path) -> str | None:
    """Returns the data set whose packed training images are in a folder, by their checksum; None if it is unknown."""
    from torchvision.datasets.utils import check_integrity

    for name in CLASSES:
        file, md5 = _files(name).resources[0]
        if check_integrity(folder / file, md5):
            return name
    return None


def _files(name: str) -> Any:
    from torchvision import datasets

    return getattr(datasets, CLASSES[name])


def _packed(name: str, root: Path, raw: Path) -> dict[str, Any]:
    """Reads torchvision's packed files, whose checksums it knows; it keeps them beside those that it unpacks."""
    from torchvision.datasets.utils import check_integrity

    files = _files(name)
    expected = dict(files.resources)
    if not all((raw / file).is_file() for file in expected):
        try:
            files(str(root), download=True)
        except (OSError, RuntimeError, AssertionError, ValueError) as error:
            raise InputError(
                f"cannot download {CLASSES[name]} into {root}: {error}; put {', '.join(expected)} into {raw}, "
                "or use the source folder"
            ) from error
    for file, md5 in expected.items():
        if not (raw / file).is_file():
            raise InputError(
                f"no file {raw / file}, whose checksum is known; delete the unpacked files in {raw}, and it is "
                "fetched, or use the source folder"
            )
        if not check_integrity(raw / file, md5):
            raise InputError(
                f"{raw / file} is not {CLASSES[name]}'s own by its checksum; delete the files in {raw}, and they are "
                "fetched again, or use the source folder"
            )
    return {file: read_file(raw / f"{file}.gz", 3 if "images" in file else 1) for file in ORIGINAL}


class FashionMNIST(MNIST):
    """First k images of each class of FashionMNIST (Xiao et al. 2017), with noisy copies.

    Args:
        source: origin of the images, see `load_like_mnist`.
        root: folder of the images.
        per_class: k, number of images of each class; None for all.
        targets: target class of each label, for targeted attacks; only images of these labels are used. Or `random`: a
            target of its own for each image, drawn by `seed` from all classes but its label.
        copies: n, number of noisy copies of each image for each source model.
        sigma: σ, standard deviation of the noise in units of the [0, 1] pixel range.
        seed: seed of the noise, and of random targets.
        batch_size: number of perturbations in a batch.
        costs: weight of each source model, by which the work is shared out, such as its multiply-accumulates.
        stackable: whether several models may share a batch where each has few perturbations to make.
        split: `test`, or `training` for the images that models are trained on.

    Raises:
        InputError: a number is out of range.
    """

    name = "fashionmnist"

    def __init__(
        self,
        source: Source = "torchvision",
        root: Path | None = None,
        per_class: int | None = 10,
        targets: dict[int, int] | Literal["random"] | None = None,
        copies: int = 1,
        sigma: float = 0.0,
        seed: int = 0,
        batch_size: int = 200,
        costs: Sequence[float] = (1.0,),
        stackable: bool = False,
        split: Split = "test",
    ) -> None:
        super().__init__(source, root, per_class, targets, copies, sigma, seed, batch_size, costs, stackable, split)

    def load(self) -> Labelled:
        return load_like_mnist(self.name, self.source, self.root)  # type: ignore[arg-type]


class KMNIST(FashionMNIST):
    """First k images of each class of KMNIST (Clanuwat et al. 2018), with noisy copies; see `FashionMNIST`."""

    name = "kmnist"


class FashionMNISTTraining(TrainingData):
    """All images of FashionMNIST, for training.

    Args:
        source: origin of the images, see `load_like_mnist`.
        root: folder of the images.
        batch_size: number of images in a training step; by default 128.
    """

    name: Name = "fashionmnist"

    def __init__(self, source: Source = "torchvision", root: Path | None = None, batch_size: int | None = None) -> None:
        super().__init__(self.name, batch_size)
        self.source: Source = source
        self.root = root

    def load(self) -> Labelled:
        return load_like_mnist(self.name, self.source, self.root)


class KMNISTTraining(FashionMNISTTraining):
    """All images of KMNIST, for training; see `FashionMNISTTraining`."""

    name: Name = "kmnist"
