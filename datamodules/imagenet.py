"""ImageNet's validation images from the usual folders."""

from collections.abc import Sequence
from pathlib import Path

import torch

from datamodules.photographs import ENDINGS, NUMBERS_PER_CLASS, pictures_in, read_image, remarks
from datamodules.replicas import ReplicaDataModule
from datamodules.selection import Selection, with_targets
from lit_adv.data_sets import CLASS_LIST, DATA_SETS, class_table
from lit_adv.errors import InputError
from lit_adv.files import expanded
from lit_adv.processes import process_number
from lit_adv.terminal import say

CLASSES = 1000
THESIS_CLASSES = (
    "great_white_shark", "cock", "tree_frog", "green_mamba", "giant_panda", "ambulance", "barn", "baseball", "broom",
    "bullet_train", "cab", "cannon", "teapot", "teddy", "streetcar", "wallet", "lemon", "pizza", "cup", "daisy",
)  # fmt: skip


class ImageNet(ReplicaDataModule):
    """First k validation images of some classes, in sorted order, with noisy copies.

    Args:
        root: folder that holds a folder for each class, named by its wnid.
        classes: names of classes in the packaged list; by default the keys of `targets`, or the thesis's 20.
        per_class: k, number of images of each class; None for all.
        targets: name of each class's target class, for targeted attacks; only images of these classes are used.
        grey: accept grey-scale images, as three equal channels.
        copies: n, number of noisy copies of each image for each source model.
        sigma: σ, standard deviation of the noise in units of the [0, 1] pixel range.
        seed: seed of the noise.
        batch_size: number of perturbations in a batch.
        costs: weight of each source model, by which the work is shared out, such as its multiply-accumulates.
        stackable: whether several models may share a batch where each has few perturbations to make.
        turn: turn photographs as their EXIF orientation asks; else they are taken as they lie, as torchvision does.

    Raises:
        InputError: a number is out of range, or a name unknown or given twice.
    """

    image_shape = DATA_SETS["imagenet"].image_shape

    def __init__(
        self,
        root: Path,
        classes: Sequence[str] | None = None,
        per_class: int | None = 10,
        targets: dict[str, str] | None = None,
        grey: bool = False,
        copies: int = 1,
        sigma: float = 0.0,
        seed: int = 0,
        batch_size: int = 16,
        costs: Sequence[float] = (1.0,),
        stackable: bool = False,
        turn: bool = False,
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
        self.turn = turn
        self.table = class_table()
        self.targets = targets
        self.grey = grey
        self.classes = tuple(classes if classes is not None else targets or THESIS_CLASSES)
        self.files: list[str] = []
        if not self.classes:
            raise InputError("classes names no class; give one or more, or leave it out for the thesis's 20")
        for option, names in (("targets", [*(targets or {}), *(targets or {}).values()]), ("classes", self.classes)):
            if unknown := [name for name in names if name not in self.table]:
                raise InputError(f"{option}: ImageNet class {unknown[0]!r} is not in the list {CLASS_LIST.name}")
        if doubled := [name for place, name in enumerate(self.classes) if name in self.classes[:place]]:
            raise InputError(f"classes names {doubled[0]} twice; its images would count twice")
        if itself := [name for name, target in (targets or {}).items() if name == target]:
            raise InputError(f"targets: class {itself[0]} has itself as target; give another class")

    def _chosen(self) -> dict[str, list[Path]]:
        if not self.root.is_dir():
            raise InputError(f"no folder {self.root}; --data.root must hold a folder for each class, named by its wnid")
        names = self.classes if self.targets is None else [name for name in self.classes if name in self.targets]
        if not names:
            raise InputError(f"targets: none of the classes {', '.join(self.classes)} has one")
        found = {name: pictures_in(self.root / self.table[name][1]) for name in names}
        few = [
            f"{name} ({self.table[name][1]}): {len(files)}"
            for name, files in found.items()
            if len(files) < (self.per_class or 1)
        ]
        if few:
            raise InputError(
                f"{self.root} has too few images ({', '.join(ENDINGS)}) of {len(few)} classes, per_class asks for "
                f"{self.per_class or 'all there are'}: {', '.join(few)}"
            )
        return {name: files[: self.per_class] for name, files in found.items()}

    def select(self) -> Selection:
        chosen = self._chosen()
        paths = [path for files in chosen.values() for path in files]
        self.files = [f"{path.parent.name}/{path.name}" for path in paths]
        labels = torch.tensor([self.table[name][0] for name, files in chosen.items() for _ in files])
        images = torch.stack([read_image(path, grey=self.grey, turn=self.turn) for path in paths])
        if process_number() == 0:
            for line in remarks(paths, self.turn):
                say(line)
        place = torch.cat([torch.arange(len(files)) for files in chosen.values()])
        selection = Selection(labels * NUMBERS_PER_CLASS + place, images, labels)
        if self.targets is None:
            return selection
        index = {self.table[name][0]: self.table[target][0] for name, target in self.targets.items()}
        return with_targets(selection, index, CLASSES)

    def image_name(self, position: int) -> str:
        return self.files[position]

    def describe(self) -> dict[str, object]:
        return {
            "name": "imagenet",
            "classes": list(self.classes),
            "per_class": self.per_class,
            "files": self.files,
            "targets": self.targets,
            "grey": self.grey,
            **({"turn": True} if self.turn else {}),
        }
