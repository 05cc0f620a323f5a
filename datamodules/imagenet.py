"""ImageNet's validation images from the usual folders."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from datamodules.replicas import ReplicaDataModule
from datamodules.selection import Selection, with_targets
from lit_adv.data_sets import CLASS_LIST, DATA_SETS, class_table
from lit_adv.errors import InputError

CLASSES = 1000
NUMBERS_PER_CLASS = 100_000
"""Image number j of class c has the index 100,000·c + j, whatever else is selected."""
THESIS_CLASSES = (
    "great_white_shark", "cock", "tree_frog", "green_mamba", "giant_panda", "ambulance", "barn", "baseball", "broom",
    "bullet_train", "cab", "cannon", "teapot", "teddy", "streetcar", "wallet", "lemon", "pizza", "cup", "daisy",
)  # fmt: skip
COLOUR = ("RGB", "P", "RGBA", "CMYK", "YCbCr")
GREY = ("L", "LA", "1")
"""Pillow's modes of 8-bit pixels that can become RGB."""
ENDINGS = (".jpeg", ".jpg", ".png")


def read_image(path: Path, resize: int = 256, crop: int = 224, grey: bool = False) -> Tensor:
    """Reads an image, resizes it and cuts out its centre.

    Args:
        path: image file.
        resize: length of the shorter side in pixels.
        crop: side of the square that is cut out, in pixels.
        grey: accept grey-scale images, as three equal channels.

    Returns:
        `[3, crop, crop]` float32 in [0, 1].

    Raises:
        InputError: the file is no readable image of 8 bits, or is grey-scale without `grey`.
    """
    from torchvision.transforms import functional

    try:
        with Image.open(path) as image:
            if image.mode in GREY and not grey:
                raise InputError(f"{path} is grey-scale; take another image, or --data.grey true for equal channels")
            if image.mode not in COLOUR + GREY:
                raise InputError(f"{path} has pixels of kind {image.mode}, not of 8 bits; convert it to RGB")
            square = functional.center_crop(functional.resize(image.convert("RGB"), resize), [crop, crop])
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is no readable image: {error}; fetch it again") from error
    tensor: Tensor = functional.to_tensor(square)
    return tensor


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

    Raises:
        InputError: a number is out of range or a name unknown.
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
        self.root = root
        self.table = class_table()
        self.targets = targets
        self.grey = grey
        self.classes = tuple(classes if classes is not None else targets or THESIS_CLASSES)
        self.files: list[str] = []
        unknown = [name for name in (*self.classes, *(targets or {}).values()) if name not in self.table]
        if unknown or not self.classes:
            raise InputError(f"ImageNet class {unknown[0] if unknown else ''!r} is not in the list {CLASS_LIST.name}")

    def prepare_data(self) -> None:
        """Looks for the images in one process, before models are fetched."""
        self._chosen()

    def _chosen(self) -> dict[str, list[Path]]:
        found = {name: self._files(name) for name in self.classes}
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
        images = torch.stack([read_image(path, grey=self.grey) for path in paths])
        place = torch.cat([torch.arange(len(files)) for files in chosen.values()])
        selection = Selection(labels * NUMBERS_PER_CLASS + place, images, labels)
        if self.targets is None:
            return selection
        index = {self.table[name][0]: self.table[target][0] for name, target in self.targets.items()}
        return with_targets(selection, index, CLASSES)

    def _files(self, name: str) -> list[Path]:
        folder = Path(self.root) / self.table[name][1]
        return sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS and path.name[0] != ".")

    def describe(self) -> dict[str, object]:
        return {
            "name": "imagenet",
            "classes": list(self.classes),
            "per_class": self.per_class,
            "files": self.files,
            "targets": self.targets,
            "grey": self.grey,
        }
