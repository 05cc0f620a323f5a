"""Masks of both kinds, cut like their images, and their growth."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import ExifTags, Image

from datamodules.imagenet import read_image
from lit_adv.errors import InputError
from lit_adv.evaluation.masks import decode, dilated, ink_mask, read_mask, read_masks
from tests.helpers import REPOSITORY


def test_both_encodings() -> None:
    grey = np.repeat(np.array([[[0], [255]]], np.uint8), 3, 2)
    assert decode(grey).tolist() == [[0, 1]]
    # R + 256·G: 0; 5; 261 = 5 + 256; 1000 = 232 + 3·256, to be ignored
    colours = np.array([[[0, 0, 0], [5, 0, 0], [5, 1, 0], [232, 3, 0]]], np.uint8)
    assert decode(colours).tolist() == [[0, 1, 1, -1]]
    with pytest.raises(ValueError, match="value 7"):
        decode(np.minimum(grey, 7))


OBJECT = np.zeros((300, 500), np.uint8)
OBJECT[90:210, 200:330] = 255


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA"])
def test_a_mask_of_black_and_white_however_stored(tmp_path: Path, mode: str) -> None:
    Image.fromarray(OBJECT).save(tmp_path / "grey.png")
    Image.fromarray(OBJECT).convert(mode).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", (500, 300))
    assert torch.equal(mask, read_mask(tmp_path / "grey.png", (500, 300)))
    assert mask.unique().tolist() == [0, 1]


def soft() -> npt.NDArray[np.uint8]:
    edge = OBJECT.copy()
    edge[89, 200:330] = 128
    return edge


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.fromarray(soft()), "value 128, not only 0 and 255"),
        (Image.fromarray(soft()).convert("P"), "value 128, not only 0 and 255"),
        (Image.fromarray(soft()).convert("RGB"), "value 128, not only 0 and 255"),  # once an object, as 128 + 256·128
        (Image.fromarray(np.stack([0 * OBJECT, 0 * OBJECT, OBJECT], 2)), r"colour \[0, 0, 255\]"),  # once background
        (Image.fromarray(np.stack([0 * OBJECT, OBJECT, 0 * OBJECT], 2)), r"colour \[0, 255, 0\]"),
        (Image.fromarray(np.dstack([OBJECT, OBJECT]), "LA"), "transparent in places"),
        (Image.fromarray(OBJECT.astype(np.uint16) * 257), "not of 8 bits"),
    ],
)
def test_masks_that_say_nothing_certain(tmp_path: Path, image: Image.Image, message: str) -> None:
    image.save(tmp_path / "mask.png")
    with pytest.raises(InputError, match=message):
        read_mask(tmp_path / "mask.png", (500, 300))


def test_masks_of_turned_photographs(tmp_path: Path) -> None:
    """The mask lies as the photograph was read."""
    for folder in ("val", "masks"):
        (tmp_path / folder).mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.zeros((300, 500, 3), np.uint8)).save(tmp_path / "val/a.JPEG", exif=exif)
    Image.fromarray(OBJECT).save(tmp_path / "masks/a.png")
    assert read_masks(["a.JPEG"], tmp_path / "val", tmp_path / "masks")[0].max() == 1
    with pytest.raises(InputError, match=r"has \(500, 300\) pixels, its image \(300, 500\)"):
        read_masks(["a.JPEG"], tmp_path / "val", tmp_path / "masks", turn=True)
    Image.fromarray(OBJECT.T.copy()).save(tmp_path / "masks/a.png")
    assert read_masks(["a.JPEG"], tmp_path / "val", tmp_path / "masks", turn=True)[0].max() == 1


def test_a_mask_is_cut_like_its_image(tmp_path: Path) -> None:
    Image.fromarray(OBJECT).save(tmp_path / "mask.png")
    mask, image = read_mask(tmp_path / "mask.png", (500, 300)), read_image(tmp_path / "mask.png", grey=True)
    assert mask.shape == (224, 224)
    assert ((image[0] > 0.5) != (mask == 1)).float().mean() < 0.01


@pytest.mark.parametrize(
    ("content", "message"), [("small", r"has \(20, 10\) pixels"), ("text", "is no readable image"), ("grey", "value 9")]
)
def test_bad_masks(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mask.png"
    if content == "text":
        path.write_text("no picture")
    else:
        size = (10, 20) if content == "small" else (300, 300)
        Image.fromarray(np.full(size, 9 if content == "grey" else 255, np.uint8)).save(path)
    with pytest.raises(InputError, match=message):
        read_mask(path, (300, 300))


def test_masks_of_a_set(tmp_path: Path) -> None:
    for folder in ("val/n1", "masks/n1"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a.JPEG", "b.png"):
        Image.fromarray(np.zeros((260, 300, 3), np.uint8)).save(tmp_path / "val/n1" / name)
    Image.fromarray(np.full((260, 300), 255, np.uint8)).save(tmp_path / "masks/n1/b.png")
    found = read_masks(["n1/a.JPEG", "n1/b.png"], tmp_path / "val", tmp_path / "masks")
    assert list(found) == [1]
    assert found[1].min() == 1
    with pytest.raises(InputError, match=r"has no mask of the set's images, such as n1/a\.png"):
        read_masks(["n1/a.JPEG"], tmp_path / "val", tmp_path / "masks")


def test_growth_by_hand() -> None:
    part = torch.zeros(1, 9, 9, dtype=torch.bool)
    part[0, 4, 4] = True
    assert dilated(part, 1).sum() == 9
    assert dilated(part, 2).sum() == 25
    assert dilated(part, 9).all()
    assert not dilated(part, -1).any()
    assert torch.equal(dilated(part, 0), part)
    # Everything stays everything: the edge takes nothing.
    assert dilated(torch.ones(1, 9, 9, dtype=torch.bool), -2).all()
    assert torch.equal(dilated(dilated(part, 2), -1), dilated(part, 1))


def test_the_stroke_of_a_digit() -> None:
    assert ink_mask(torch.tensor([[[[0.0, 0.2, 1.0]]]])).tolist() == [[[0, 1, 1]]]


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    """Cut to 8 bits, what is to be ignored (1000) would count as object."""
    Image.fromarray(np.full((4, 4), 1000, np.uint16)).save(tmp_path / "mask.png")
    with pytest.raises(InputError, match="I;16, not of 8 bits"):
        read_mask(tmp_path / "mask.png", (4, 4), 4, 4)


def test_without_opencv_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match="opencv-python-headless"):
        dilated(torch.zeros(1, 3, 3, dtype=torch.bool), 1)


def test_only_dilation_needs_opencv(tmp_path: Path) -> None:
    """On a server without libGL `import cv2` fails; the command line and figures are loaded all the same."""
    (tmp_path / "cv2").mkdir()
    failing = 'raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")'
    (tmp_path / "cv2" / "__init__.py").write_text(failing, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(REPOSITORY)])}
    words = [sys.executable, "-m", "lit_adv", "reproduce", "--list"]
    done = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
