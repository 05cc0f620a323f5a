"""Pictures of many kinds: what is read of them, and which are refused."""

import random
import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image
from torchvision.datasets.folder import default_loader

from lit_adv.errors import InputError
from lit_adv.pictures import look_at, read_picture, size_of

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
RGB = Image.fromarray(PIXELS)
RED = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
HOLE = Image.new("RGBA", (8, 8), (255, 0, 0, 0))


def partly() -> Image.Image:
    image = RED.copy()
    image.putpixel((7, 7), (255, 0, 0, 254))
    return image


def stored(image: Image.Image, ending: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, ending, **options)
    return file.getvalue()


def askew(orientation: int, image: Image.Image = RGB, ending: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return stored(image, ending, exif=exif)


OTHER = Image.fromarray(255 - PIXELS)
FRAMES = {"save_all": True, "append_images": [OTHER]}
GOOD = {
    "RGB": stored(RGB, "PNG"),
    "JPEG": stored(RGB, "JPEG"),
    "WebP": stored(RGB, "WEBP"),
    "still GIF": stored(RGB.quantize(8), "GIF"),
    "BMP": stored(RGB, "BMP"),
    "palette": stored(RGB.quantize(8), "PNG"),
    "opaque alpha": stored(RED, "PNG"),
    "opaque palette": stored(RGB.quantize(8), "PNG", transparency=bytes([255] * 8)),
    "colour key that no pixel has": stored(Image.new("RGB", (5, 5), (9, 8, 7)), "PNG", transparency=(1, 2, 3)),
    "opaque grey": stored(Image.new("LA", (5, 5), (77, 255)), "PNG"),
    "black and white": stored(RGB.convert("1"), "PNG"),
    "CMYK": stored(RGB.convert("CMYK"), "JPEG"),
    "one pixel": stored(RGB.crop((0, 0, 1, 1)), "PNG"),
    "first of an MPO": stored(RGB, "MPO", **FRAMES),
    "askew": askew(6),
    "profile": stored(RGB, "PNG", icc_profile=b"none that anybody would apply"),
}


@pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # of torchvision's way
@pytest.mark.parametrize("kind", GOOD)
def test_pictures_as_torchvision_reads_them(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "größe und ähnliches.JPEG"
    path.write_bytes(GOOD[kind])
    found = read_picture(path)
    assert found.mode == "RGB"
    assert np.array_equal(np.asarray(found), np.asarray(default_loader(str(path))))
    assert size_of(path) == found.size


def test_colours_by_hand(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=100)
    assert np.abs(np.asarray(read_picture(tmp_path / "cmyk.jpg"), int) - (255, 0, 0)).max() <= 3
    Image.new("LA", (1, 1), (77, 255)).save(tmp_path / "la.png")
    assert read_picture(tmp_path / "la.png").getpixel((0, 0)) == (77, 77, 77)
    RED.save(tmp_path / "red.png")
    assert read_picture(tmp_path / "red.png").getpixel((0, 0)) == (255, 0, 0)


def deep(ending: str, channels: int) -> bytes:
    return bytes(cv2.imencode(f".{ending}", np.full((4, 4, channels), 1000, np.uint16))[1])


def claimed(width: int, height: int) -> bytes:
    """A PNG whose header claims a size."""
    content = stored(RGB, "PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


BAD = {
    "wholly transparent": (stored(HOLE, "PNG"), "transparent in places"),
    "a little transparent": (stored(partly(), "PNG"), "transparent in places"),
    "transparent WebP": (stored(HOLE, "WEBP", lossless=True), "transparent in places"),
    "transparent GIF": (stored(RGB.quantize(8), "GIF", transparency=3), "transparent in places"),
    "transparent index": (stored(RGB.quantize(8), "PNG", transparency=3), "transparent in places"),
    "transparent palette": (stored(RGB.quantize(8), "PNG", transparency=bytes(range(248, 256))), "transparent in pl"),
    "transparent grey": (stored(Image.new("LA", (5, 5), (77, 3)), "PNG"), "transparent in places"),
    "colour key": (stored(Image.new("RGB", (5, 5), (9, 8, 7)), "PNG", transparency=(9, 8, 7)), "transparent in places"),
    "grey key": (stored(Image.new("L", (5, 5), 9), "PNG", transparency=9), "transparent in places"),
    "16-bit grey": (deep("png", 1), "pixels of kind I;16, not of 8 bits"),
    "16-bit RGB": (deep("png", 3), "pixels of kind RGB;16B, not of 8 bits"),
    "16-bit RGBA": (deep("png", 4), "pixels of kind RGBA;16B, not of 8 bits"),
    "TIFF": (stored(RGB, "TIFF"), "none of JPEG, PNG"),
    "animated GIF": (stored(RGB, "GIF", **FRAMES), "is animated"),
    "animated WebP": (stored(RGB, "WEBP", **FRAMES), "is animated"),
    "animated PNG": (stored(RGB, "PNG", **FRAMES), "is animated"),
    "more pixels than memory may take": (claimed(10_000, 9_000), "more than 89478485 pixels"),
    "bomb": (claimed(2**31 - 1, 2**31 - 1), "more than 89478485 pixels"),
    "text": (b"no picture", "no readable image: none of JPEG"),
    "nothing": (b"", "no readable image: none of JPEG"),
    "cut JPEG": (stored(RGB, "JPEG")[:-100], "no readable image: .*truncated"),
    "cut PNG": (stored(RGB, "PNG")[:-100], "no readable image"),
}


@pytest.mark.parametrize("kind", BAD)
def test_pictures_without_one_right_reading(tmp_path: Path, kind: str) -> None:
    content, message = BAD[kind]
    (tmp_path / "x.JPEG").write_bytes(content)
    with pytest.raises(InputError, match=rf"x\.JPEG .*{message}"):
        read_picture(tmp_path / "x.JPEG")


def test_paths_without_a_picture(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "none")
    for name, reason in (
        ("folder.jpg", "Is a directory"),
        ("broken.jpg", "No such file"),
        ("none.jpg", "No such file"),
    ):
        for read in (read_picture, look_at):
            with pytest.raises(InputError, match=f"{name} is no readable image: {reason}"):
                read(tmp_path / name)


@pytest.mark.parametrize("ending", ["JPEG", "PNG", "WEBP"])
def test_turned_as_exif_data_ask(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "x.jpg"
    corner = Image.new("RGB", (32, 16))
    corner.paste((255, 255, 255), (0, 0, 16, 8))  # white at the left top
    places = {1: "00", 2: "01", 3: "11", 4: "10", 5: "00", 6: "01", 7: "11", 8: "10"}  # of white: row, column
    for orientation, place in places.items():
        path.write_bytes(askew(orientation, corner, ending))
        assert look_at(path) == ((32, 16), orientation)
        assert read_picture(path).getpixel((8, 4)) > (200, 0, 0)
        found = read_picture(path, turn=True)
        assert found.size == size_of(path, turn=True) == ((32, 16) if orientation < 5 else (16, 32))
        white = np.argwhere(np.asarray(found)[..., 0] > 200).mean(0) > np.array(found.size[::-1]) / 2
        assert "".join(str(int(side)) for side in white) == place


@pytest.mark.parametrize("orientation", [0, 9, 6000])
def test_orientations_that_mean_nothing(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "x.jpg").write_bytes(askew(orientation))
    assert look_at(tmp_path / "x.jpg")[1] == 1
    assert read_picture(tmp_path / "x.jpg", turn=True) == read_picture(tmp_path / "x.jpg")


@pytest.mark.parametrize("kind", ["RGB", "JPEG", "WebP", "still GIF", "BMP", "palette", "first of an MPO", "askew"])
def test_damage_gives_a_picture_or_one_line(tmp_path: Path, kind: str) -> None:
    dice, path = random.Random(kind), tmp_path / "x.JPEG"
    for _ in range(60):
        content = bytearray(GOOD[kind])
        for _ in range(dice.randint(1, 4)):
            content[int(dice.random() ** 3 * len(content))] = dice.randrange(256)  # most in the headers
        path.write_bytes(content[: dice.choice([None, dice.randrange(len(content))])])
        for turn in (False, True):
            with suppress(InputError):
                assert read_picture(path, turn).mode == "RGB"
                assert len(look_at(path)) == 2
