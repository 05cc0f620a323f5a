"""Photographs in folders: which files there are, how they are read, and what a user should know of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.pictures import UPRIGHT, look_at, read_picture

ENDINGS: Final = (".jpeg", ".jpg", ".png")
"""Endings of ImageNet's files."""
RESIZE: Final = 256
CROP: Final = 224
NARROWEST: Final = 1000
"""Largest ratio of sides: resized, such a picture takes 200 MB."""
NUMBERS_PER_CLASS: Final = 100_000
"""Image number j of class c has the index 100,000·c + j, whatever else is selected."""


def read_image(
    path: Path,
    resize: int | None = RESIZE,
    crop: int = CROP,
    grey: bool = False,
    turn: bool = False,
    channels: int = 3,
) -> Tensor:
    """Reads an image, resizes it and cuts out its centre.

    Args:
        path: image file.
        resize: length of the shorter side in pixels; None leaves the image as it is.
        crop: side of the square that is cut out, in pixels.
        grey: accept grey-scale images, as three equal channels.
        turn: turn the image as its EXIF orientation asks, which torchvision's image folders do not.
        channels: 3, or 1 for grey-scale images only.

    Returns:
        `[channels, crop, crop]` float32 in [0, 1].

    Raises:
        InputError: the file cannot be read (see `read_picture`), is too narrow or too small, its square is grey without
            `grey`, or in colour where it shall have one channel.
    """
    from torchvision.transforms import functional

    picture = read_picture(path, turn)
    width, height = picture.size
    if resize is None:
        if min(picture.size) < crop:
            raise InputError(
                f"{path} has {width} × {height} pixels, too few to cut out {crop} × {crop}; "
                "give --data.resize, or a smaller --data.crop"
            )
    elif max(picture.size) > NARROWEST * min(picture.size):
        raise InputError(f"{path} has {width} × {height} pixels; it is too narrow to be enlarged to {resize}")
    else:
        picture = functional.resize(picture, resize)
    square: Tensor = functional.to_tensor(functional.center_crop(picture, [crop, crop]))
    is_grey = bool((square == square[0]).all())
    if channels == 1:
        if not is_grey:
            raise InputError(f"{path} is in colour; take another image, or --data.channels 3")
        return square[:1].clone()
    if not grey and is_grey:
        raise InputError(f"{path} is grey-scale; take another image, or --data.grey true for equal channels")
    return square


def remarks(paths: Sequence[Path], turn: bool, resize: int | None = RESIZE) -> list[str]:
    """Returns what a user should know of photographs, in a line for each thing.

    Args:
        paths: their files.
        turn: whether they were turned as they ask.
        resize: length that their shorter side was given, in pixels; None if they were left as they are.
    """
    looks = dict(zip(paths, map(look_at, paths), strict=True))
    lines = []
    if not turn and (askew := [path for path, (_, orientation) in looks.items() if orientation != UPRIGHT]):
        lines.append(
            f"EXIF data ask to turn {len(askew)} of {len(paths)} photographs, such as {askew[0]}; "
            "they are taken as they lie, as torchvision does; --data.turn true turns them"
        )
    if small := {path: size for path, (size, _) in looks.items() if resize is not None and min(size) < resize}:
        least = min(small, key=lambda path: min(small[path]))
        lines.append(
            f"{len(small)} of {len(paths)} photographs are enlarged to {resize} pixels, the smallest {least} "
            f"from {min(small[least])}"
        )
    return lines


def pictures_in(folder: Path, endings: Sequence[str] = ENDINGS) -> list[Path]:
    """Returns the picture files of a folder in sorted order, without hidden ones; none if there is no such folder.

    Raises:
        InputError: it cannot be read.
    """
    try:
        there = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror}") from error
    return [path for path in there if path.suffix.lower() in endings and path.name[0] != "." and _may_be_read(path)]


def _may_be_read(path: Path) -> bool:
    """Whether it is a file, or a broken link, which reading will name; not a folder or a pipe."""
    return path.is_file() or not path.exists()
