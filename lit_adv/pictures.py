"""Picture files as RGB of 8 bits; what has no one right reading is refused."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from lit_adv.errors import InputError

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""Pillow's names of the formats that are read, whatever the file's ending."""
MODES: Final = ("RGB", "RGBA", "P", "PA", "L", "LA", "1", "CMYK", "YCbCr")
"""Pillow's modes of at most 8 bits."""
UPRIGHT: Final = 1
"""EXIF orientation of a picture that lies as it shall be seen."""
SWAPPED: Final = 5
"""EXIF orientation from which on width and height change places."""


def read_picture(path: Path, turn: bool = False) -> Image.Image:
    """Reads a picture as RGB, as torchvision's image folders do.

    A grey picture becomes three equal channels. Colour profiles (ICC) are not applied. Of a JPEG that holds several
    pictures (MPO) the first is taken.

    Args:
        path: the file.
        turn: turn it as its EXIF orientation asks.

    Raises:
        InputError: the file is no readable picture, is animated, has more than 8 bits, or has pixels that are not
            wholly opaque.
    """
    with _opened(path) as image:
        kinds = [image.mode, *(str(tile.args) for tile in getattr(image, "tile", ()) if ";16" in str(tile.args))]
        if deep := [kind for kind in kinds if kind not in MODES]:
            raise InputError(f"{path} has pixels of kind {deep[0]}, not of 8 bits; convert it to RGB of 8 bits")
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise InputError(f"{path} is animated; save the one picture of it that you mean")
        if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            raise InputError(f"{path} is transparent in places; lay it on a ground of the colour that you mean")
        return (ImageOps.exif_transpose(image) if turn else image).convert("RGB")


def look_at(path: Path) -> tuple[tuple[int, int], int]:
    """Reads a picture's width and height in pixels, as stored, and its EXIF orientation, 1 where it has none.

    Raises:
        InputError: the file is no picture.
    """
    with _opened(path) as image:
        orientation = UPRIGHT
        with suppress(Exception):  # damaged EXIF data give errors of many kinds, and the picture is still good
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, UPRIGHT))
        return image.size, orientation if UPRIGHT <= orientation <= 8 else UPRIGHT


def size_of(path: Path, turn: bool = False) -> tuple[int, int]:
    """Reads the width and height in pixels that `read_picture` gives.

    Raises:
        InputError: the file is no picture.
    """
    (width, height), orientation = look_at(path)
    return (height, width) if turn and orientation >= SWAPPED else (width, height)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS} pixels; make a smaller picture of it"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is no readable image: none of {', '.join(FORMATS)}; fetch it again") from error
    except Exception as error:  # damage shows in errors of every kind
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} is no readable image: {reason}; fetch it again") from error
