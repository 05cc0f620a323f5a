"""Any images of the user's: class folders, or a CSV file of labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from datamodules.labelled_files import ENDINGS, ClassFolders, LabelledFiles, Photograph
from datamodules.photographs import CROP, RESIZE, read_image, remarks
from datamodules.replicas import ReplicaDataModule
from datamodules.selection import Selection, with_targets
from lit_adv.data_sets import IMAGES
from lit_adv.errors import InputError
from lit_adv.files import expanded
from lit_adv.perturbations.replicas import check_whole
from lit_adv.processes import process_number
from lit_adv.terminal import say

DIGITS = 6
"""Decimals of the pixels' mean and standard deviation."""


def statistics(images: Tensor) -> tuple[list[float], list[float]]:
    """Returns the mean and the standard deviation of each channel of images `[N, C, H, W]`."""
    mean = torch.stack([image.double().mean((1, 2)) for image in images]).mean(0)
    square = torch.stack([(image.double() - mean[:, None, None]).square().mean((1, 2)) for image in images]).mean(0)
    return [round(value, DIGITS) for value in mean.tolist()], [round(value, DIGITS) for value in square.sqrt().tolist()]


class Images(ReplicaDataModule):
    """Images of any classes, with noisy copies.

    Class folders named by wnids, names or numbers of ImageNet's classes hold ImageNet's classes; others are classes of
    their own, numbered in sorted order, as torchvision's `ImageFolder` does.

    Args:
        root: folder of the images.
        labels: CSV file with a header and a row for each image; None if `root` holds a folder for each class.
        classes: names, wnids or numbers of the classes that are used; by default the keys of `targets`, or all.
        per_class: number of images of each class, the first in sorted order, or in that of the rows; None for all.
        targets: target class of each class, for targeted attacks, of which only images of these classes are used; or
            `column`, those of the CSV file.
        class_list: the classes that the models' outputs stand for: `imagenet`; `folders`, the names that are found, in
            sorted order; or a file with one name a line. By default what the names look like.
        first_label: number by which folders, labels and options call the first class; by default 0, and 1 in the NIPS
            2017 table.
        channels: 3, or 1 for grey pictures as one channel.
        resize: length in pixels that the shorter side is given; None leaves images as they are.
        crop: side in pixels of the square that is cut out of the centre.
        grey: accept grey-scale images, as three equal channels.
        turn: turn photographs as their EXIF orientation asks; else they are taken as they lie, as torchvision does.
        copies: n, number of noisy copies of each image for each source model.
        sigma: σ, standard deviation of the noise in units of the [0, 1] pixel range.
        seed: seed of the noise.
        batch_size: number of perturbations in a batch.
        costs: weight of each source model, by which the work is shared out, such as its multiply-accumulates.
        stackable: whether several models may share a batch where each has few perturbations to make.

    Raises:
        InputError: a number is out of range, or options contradict each other.
    """

    def __init__(
        self,
        root: Path,
        labels: Path | None = None,
        classes: Sequence[str | int] | None = None,
        per_class: int | None = None,
        targets: dict[str, str | int] | Literal["column"] | None = None,
        class_list: Literal["imagenet", "folders"] | Path | None = None,
        first_label: Literal[0, 1] | None = None,
        channels: Literal[1, 3] = 3,
        resize: int | None = RESIZE,
        crop: int = CROP,
        grey: bool = False,
        turn: bool = False,
        copies: int = 1,
        sigma: float = 0.0,
        seed: int = 0,
        batch_size: int = 16,
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
        check_whole("crop", crop, 1)
        check_whole("resize", crop if resize is None else resize, 1)
        if resize is not None and resize < crop:
            raise InputError(f"resize is {resize}, crop {crop}; the square that is cut out must fit into the image")
        if channels not in (1, 3):
            raise InputError(f"channels is {channels}; it must be 3, or 1 for grey images as one channel")
        if first_label not in (None, 0, 1):
            raise InputError(f"first_label is {first_label}; numbers of classes begin at 0 or 1")
        if classes is not None and not classes:
            raise InputError("classes names no class; give one or more, or leave it out for all")
        if targets == "column" and labels is None:
            raise InputError("targets are to be a column of the labels; give --data.labels FILE.csv")
        self.root = expanded(root)
        self.labels = None if labels is None else expanded(labels)
        self.classes = classes
        self.targets = targets
        chosen = class_list in ("imagenet", "folders", None)
        self.class_list = class_list if chosen else expanded(class_list)  # type: ignore[arg-type]
        self.first_label = first_label
        self.image_shape = (channels, crop, crop)
        self.resize = resize
        self.grey = grey
        self.turn = turn
        self.files: list[str] = []
        self._record: dict[str, Any] = {}

    def select(self) -> Selection:
        source = self._source()
        by_class = self._chosen(source)
        photographs = [one for ones in by_class.values() for one in ones]
        self.files = [one.file for one in photographs]
        paths = [self.root / file for file in self.files]
        channels, crop, _ = self.image_shape
        images = torch.stack([read_image(path, self.resize, crop, self.grey, self.turn, channels) for path in paths])
        if process_number() == 0:
            for line in (source.remark, *remarks(paths, self.turn, self.resize)):
                say(line)
        labels = torch.tensor([number for number, ones in by_class.items() for _ in ones])
        index = torch.tensor([one.index for one in photographs])
        mean, std = statistics(images)
        self.class_count = len(source.classes.names)
        self._record = {
            "image_shape": list(self.image_shape),
            "classes": source.classes.record,
            "mean": mean,
            "std": std,
        }
        if self.targets is None:
            return Selection(index, images, labels)
        if self.targets == "column":
            self._record["targets"] = {one.file: one.target for one in photographs}
            return Selection(index, images, labels, torch.tensor([one.target for one in photographs]))
        self._record["targets"] = self.targets
        return with_targets(Selection(index, images, labels), self._targets(source), self.class_count)

    def _source(self) -> ClassFolders | LabelledFiles:
        if self.labels is None:
            return ClassFolders.open(self.root, self.class_list, self.first_label or 0)
        column = self.targets == "column"
        source = LabelledFiles.open(self.root, self.labels, self.class_list, self.first_label, column)
        if column and not source.has_targets:
            raise InputError(f"{self.labels} has no column of targets; add one, target, or give --data.targets classes")
        return source

    def _targets(self, source: ClassFolders | LabelledFiles) -> dict[int, int]:
        if not isinstance(self.targets, dict):
            return {}
        number = source.classes.number
        return {number(label, "targets"): number(target, "targets") for label, target in self.targets.items()}

    def _chosen(self, source: ClassFolders | LabelledFiles) -> dict[int, list[Photograph]]:
        """Returns the photographs that are used, by class."""
        targets = self._targets(source)
        numbers = [source.classes.number(word, "classes") for word in self.classes or ()] or list(targets)
        if doubled := [number for place, number in enumerate(numbers) if number in numbers[:place]]:
            raise InputError(f"classes names {source.classes.names[doubled[0]]} twice; its images would count twice")
        used = [number for number in numbers or source.there if not targets or number in targets]
        if not used:
            raise InputError("targets: none of the classes has one; name classes that are in both options")
        found = {number: source.of(number) for number in used}
        few = [
            f"{source.classes.names[number]}: {len(ones)}"
            for number, ones in found.items()
            if len(ones) < (self.per_class or 1)
        ]
        if few:
            raise InputError(
                f"{self.labels or self.root} has too few images ({', '.join(ENDINGS)}) of {len(few)} classes, "
                f"per_class asks for {self.per_class or 'all there are'}: {', '.join(few[:20])}"
            )
        return {number: ones[: self.per_class] for number, ones in found.items()}

    def image_name(self, position: int) -> str:
        return self.files[position]

    def describe(self) -> dict[str, Any]:
        return {
            "name": IMAGES,
            **self._record,
            "per_class": self.per_class,
            "files": self.files,
            "resize": self.resize,
            "turn": self.turn,
            "grey": self.grey,
        }
