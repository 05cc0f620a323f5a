"""Any images of the user's, for training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from datamodules.images import Images, statistics
from datamodules.labelled import Labelled, TrainingData
from datamodules.photographs import CROP, RESIZE
from lit_adv.data_sets import IMAGES
from lit_adv.errors import InputError
from lit_adv.perturbations.replicas import check_whole


class ImagesTraining(TrainingData):
    """Images of any classes, for training: all but every fifth of a class, which is for testing.

    Args:
        root: folder of the images, see `datamodules.images.Images`.
        labels: CSV file with a row for each image; None if `root` holds a folder for each class.
        test_root: folder of images for testing, of the same classes; then all of `root` are for training.
        test_every: of each class, the images for testing are every n-th, 2 or more.
        class_list: classes that the models know: `imagenet`; `folders`, the names that are found; or a file with one
            name a line.
        first_label: number by which folders and labels call the first class.
        channels: 3, or 1 for grey pictures as one channel.
        resize: length in pixels that the shorter side is given; None leaves images as they are.
        crop: side in pixels of the square that is cut out of the centre.
        grey: accept grey-scale images, as three equal channels.
        turn: turn photographs as their EXIF orientation asks.
        batch_size: number of images in a training step; by default 128.

    Raises:
        InputError: options contradict each other.
    """

    source = "folder"

    def __init__(
        self,
        root: Path,
        labels: Path | None = None,
        test_root: Path | None = None,
        test_every: int = 5,
        class_list: Literal["imagenet", "folders"] | Path | None = None,
        first_label: Literal[0, 1] | None = None,
        channels: Literal[1, 3] = 3,
        resize: int | None = RESIZE,
        crop: int = CROP,
        grey: bool = False,
        turn: bool = False,
        batch_size: int | None = None,
    ) -> None:
        super().__init__(IMAGES, batch_size)
        check_whole("test_every", test_every, 2)
        if test_root is not None and labels is not None:
            raise InputError("test_root is for class folders, labels name files of one folder; give one of them")
        self.test_every = test_every
        shared = {"class_list": class_list, "first_label": first_label, "channels": channels, "resize": resize}
        shared |= {"crop": crop, "grey": grey, "turn": turn}
        self.train = Images(root, labels, **shared)  # type: ignore[arg-type]
        self.test = None if test_root is None else Images(test_root, **shared)  # type: ignore[arg-type]
        self._read: Labelled | None = None

    def load(self) -> Labelled:
        """Loads them, once.

        Raises:
            InputError: they cannot be read, or the folders for training and testing are of other classes.
        """
        if self._read is None:
            self._read = self._split()
        return self._read

    def describe(self) -> Mapping[str, Any]:
        mean, std = statistics(self.load().train_images)
        record = self.train.describe()
        return {"image_shape": record["image_shape"], "classes": record["classes"], "mean": mean, "std": std}

    def _split(self) -> Labelled:
        found = self.train.select()
        if self.test is not None:
            other = self.test.select()
            if self.test.describe()["classes"] != self.train.describe()["classes"]:
                raise InputError(f"{self.test.root} holds other classes than {self.train.root}; give both the same")
            return Labelled(found.images, found.labels, other.images, other.labels)
        place = torch.zeros_like(found.labels)
        for number in found.labels.unique():
            place[found.labels == number] = torch.arange(int((found.labels == number).sum()))
        test = place % self.test_every == self.test_every - 1
        return Labelled(found.images[~test], found.labels[~test], found.images[test], found.labels[test])
