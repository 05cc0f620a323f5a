"""Masks of both kinds, cut like their images, and their growth."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.imagenet import read_image
from lit_adv.errors import InputError
from lit_adv.evaluation.masks import decode, dilated, ink_mask, read_mask, read_masks


def test_both_encodings() -> None:
    assert decode(np.array([[0, 255]], np.uint8)).tolist() == [[0, 1]]
    # R + 256·G: 0; 5; 261 = 5 + 256; 1000 = 232 + 3·256, to be ignored
    colours = np.array([[[0, 0, 0], [5, 0, 0], [5, 1, 9], [232, 3, 0]]], np.uint8)
    assert decode(colours).tolist() == [[0, 1, 1, -1]]
    with pytest.raises(ValueError, match="value 7"):
        decode(np.array([[0, 7]], np.uint8))


def test_a_mask_is_cut_like_its_image(tmp_path: Path) -> None:
    pixels = np.zeros((300, 500), np.uint8)
    pixels[90:210, 200:330] = 255
    Image.fromarray(pixels).save(tmp_path / "mask.png")
    Image.fromarray(np.repeat(pixels[..., None], 3, 2)).save(tmp_path / "image.png")
    mask, image = read_mask(tmp_path / "mask.png", (500, 300)), read_image(tmp_path / "image.png")
    assert mask.shape == (224, 224)
    assert ((image[0] > 0.5) != (mask == 1)).float().mean() < 0.01


@pytest.mark.parametrize(
    ("content", "message"), [("small", r"has \(20, 10\) pixels"), ("text", "is no mask"), ("grey", "value 9")]
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
    with pytest.raises(InputError, match="16 bits"):
        read_mask(tmp_path / "mask.png", (4, 4), 4, 4)
