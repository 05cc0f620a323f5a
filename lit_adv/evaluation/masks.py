"""Masks of the objects in images, and their dilation (thesis 4.8.4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.pictures import read_picture, size_of

OBJECT: Final = 1
BACKGROUND: Final = 0
IGNORED: Final = -1
IMAGENET_S_IGNORE: Final = 1000
"""Also the largest number in such a mask."""
KERNEL: Final = np.ones((3, 3), np.uint8)


def decode(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
    """Mask `[H, W]` of `OBJECT`, `BACKGROUND` and `IGNORED` from a mask image's pixels.

    Args:
        pixels: `[H, W, 3]`. If all are grey, 0 is background and 255 object. Otherwise they are as in ImageNet-S: the
            class number is R + 256·G, 0 is background and 1000 is to be ignored; B is 0.

    Raises:
        ValueError: there are other values.
    """
    if (pixels == pixels[..., :1]).all():
        if other := set(np.unique(pixels).tolist()) - {0, 255}:
            raise ValueError(f"it has the value {min(other)}, not only 0 and 255")
        return np.where(pixels[..., 0] > 0, OBJECT, BACKGROUND).astype(np.int8)
    red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
    number = red + 256 * green
    if (wrong := (blue > 0) | (number > IMAGENET_S_IGNORE)).any():
        raise ValueError(
            f"it has the colour {pixels[wrong][0].tolist()}, neither grey nor a class number R + 256·G up to 1000"
        )
    mask = np.where(number > 0, OBJECT, BACKGROUND)
    return np.where(number == IMAGENET_S_IGNORE, IGNORED, mask).astype(np.int8)


def read_mask(path: Path, size: tuple[int, int], resize: int | None = 256, crop: int = 224) -> Tensor:
    """A photograph's mask `[crop, crop]` int8, cut like the photograph: the shorter side to `resize`, then the centre.

    Args:
        path: a PNG, see `decode`.
        size: width and height of the photograph.
        resize: pixels; None if the photograph was left as it is.
        crop: pixels.

    Raises:
        InputError: it is no readable mask, or of another size.
    """
    from torchvision.transforms import functional

    picture = read_picture(path)
    if picture.size != size:
        raise InputError(f"mask {path} has {picture.size} pixels, its image {size}; give the mask of that image")
    try:
        mask = torch.from_numpy(decode(np.asarray(picture)))[None]
    except ValueError as error:
        raise InputError(f"{path} is no mask: {error}; draw it with 0 and 255 only") from error
    if resize is not None:
        mask = functional.resize(mask, [resize], functional.InterpolationMode.NEAREST)
    square: Tensor = functional.center_crop(mask, [crop, crop])[0]
    return square


def read_masks(
    files: Sequence[str], root: Path, folder: Path, turn: bool = False, resize: int | None = 256, crop: int = 224
) -> dict[int, Tensor]:
    """Masks `[H, W]` of those images of a set that have one, by position.

    Args:
        files: of the images, `WNID/NAME.ENDING`.
        root: the images' folder.
        folder: the masks' folder, of `WNID/NAME.png`.
        turn: whether the set's images were turned as their EXIF orientation asks, and so are the masks' pixels.
        resize: that the images' shorter sides were given, in pixels; None if the images were left as they are.
        crop: side of the square that was cut out of them, in pixels.

    Raises:
        InputError: there is none, an image is missing, or a mask is no good.
    """
    masks = {}
    for place, file in enumerate(files):
        path = (folder / file).with_suffix(".png")
        if path.is_file():
            masks[place] = read_mask(path, size_of(root / file, turn), resize, crop)
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

    Raises:
        InputError: OpenCV cannot be loaded, as on a server without libGL.
    """
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            f"masks are dilated with OpenCV, which cannot be loaded ({error}); "
            "install the system package of that library (Debian: libgl1), or pip install opencv-python-headless"
        ) from error
    grow = cv2.dilate if steps > 0 else cv2.erode
    pixels = part.numpy().astype(np.uint8)
    return torch.from_numpy(np.stack([grow(one, KERNEL, iterations=abs(steps)) for one in pixels]) > 0)
