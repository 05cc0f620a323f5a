"""Masks of the objects in images, and their dilation (thesis 4.8.4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from lit_adv.errors import InputError

OBJECT: Final = 1
BACKGROUND: Final = 0
IGNORED: Final = -1
IMAGENET_S_IGNORE: Final = 1000
KERNEL: Final = np.ones((3, 3), np.uint8)


def decode(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Mask `[H, W]` of `OBJECT`, `BACKGROUND` and `IGNORED` from a mask image's pixels.

    Args:
        pixels: `[H, W]`, 0 background and 255 object; or `[H, W, 3]` as in ImageNet-S: the class number is R + 256·G, 0
            is background and 1000 is to be ignored.

    Raises:
        ValueError: a grey mask has other values.
    """
    if pixels.ndim == 2:
        if other := set(np.unique(pixels).tolist()) - {0, 255}:
            raise ValueError(f"it has the value {min(other)}, not only 0 and 255")
        return np.where(pixels > 0, OBJECT, BACKGROUND).astype(np.int8)
    red, green = pixels[..., 0].astype(np.int64), pixels[..., 1].astype(np.int64)
    number = red + 256 * green
    mask = np.where(number > 0, OBJECT, BACKGROUND)
    return np.where(number == IMAGENET_S_IGNORE, IGNORED, mask).astype(np.int8)


def read_mask(path: Path, size: tuple[int, int], resize: int = 256, crop: int = 224) -> Tensor:
    """A photograph's mask `[crop, crop]` int8, cut like the photograph: the shorter side to `resize`, then the centre.

    Args:
        path: a PNG, see `decode`.
        size: width and height of the photograph.
        resize: pixels.
        crop: pixels.

    Raises:
        InputError: it is no readable mask, or of another size.
    """
    from torchvision.transforms import functional

    try:
        with Image.open(path) as image:
            if image.size != size:
                raise InputError(f"mask {path} has {image.size} pixels, its image {size}; give the mask of that image")
            if image.mode.startswith("I"):
                raise ValueError("its pixels have 16 bits; give 8 bits: 0 and 255, or R + 256·G in colours")
            grey = image.mode in ("L", "1")
            mask = torch.from_numpy(decode(np.asarray(image.convert("L" if grey else "RGB"))))
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} is no mask: {error}") from error
    nearest = functional.InterpolationMode.NEAREST
    square: Tensor = functional.center_crop(functional.resize(mask[None], [resize], nearest), [crop, crop])[0]
    return square


def read_masks(files: Sequence[str], root: Path, folder: Path) -> dict[int, Tensor]:
    """Masks `[H, W]` of those images of a set that have one, by position.

    Args:
        files: of the images, `WNID/NAME.ENDING`.
        root: the images' folder.
        folder: the masks' folder, of `WNID/NAME.png`.

    Raises:
        InputError: there is none, an image is missing, or a mask is no good.
    """
    masks = {}
    for place, file in enumerate(files):
        path = (folder / file).with_suffix(".png")
        if path.is_file():
            try:
                with Image.open(root / file) as image:
                    size = image.size
            except OSError as error:
                raise InputError(f"cannot read the image {root / file} of mask {path}: {error}") from error
            masks[place] = read_mask(path, size)
    if not masks:
        raise InputError(f"{folder} has no mask of the set's images, such as {Path(files[0]).with_suffix('.png')}")
    return masks


def ink_mask(image: Tensor) -> Tensor:
    """Returns the masks `[N, H, W]` int8 of grey digits `[N, 1, H, W]` in [0, 1]: the object is the ink."""
    return torch.where(image[:, 0] > 0, OBJECT, BACKGROUND).to(torch.int8)


def dilated(part: Tensor, steps: int) -> Tensor:
    """Returns a region dilated, or with negative steps eroded, `steps` times by a square of 3 × 3 pixels.

    The image's edge neither adds to a region nor takes from it.

    Args:
        part: `[N, H, W]` bool.
        steps: how often.
    """
    grow = cv2.dilate if steps > 0 else cv2.erode
    pixels = part.numpy().astype(np.uint8)
    return torch.from_numpy(np.stack([grow(one, KERNEL, iterations=abs(steps)) for one in pixels]) > 0)
