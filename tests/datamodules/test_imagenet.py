"""ImageNet's folders: selection, preprocessing, and what is missing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.imagenet import THESIS_CLASSES, ImageNet, read_image
from lit_adv.data_sets import class_table
from lit_adv.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images of 300 × 280 pixels for three classes; red grows with the file's number."""
    for name in ("tiger", "Siamese_cat", "hen"):
        folder = tmp_path / class_table()[name][1]
        folder.mkdir()
        for number, ending in ((3, "png"), (1, "JPEG"), (2, "txt")):
            pixels = np.full((300, 280, 3), (40 * number, 0, 255), np.uint8)
            if ending == "txt":
                (folder / "notes.txt").touch()
            else:
                Image.fromarray(pixels).save(folder / f"{number}.{ending}")
    return tmp_path


def test_the_list_holds_the_thesis_classes() -> None:
    table = class_table()
    assert len(THESIS_CLASSES) == 20
    assert set(THESIS_CLASSES) <= set(table)
    assert table["great_white_shark"] == (2, "n01484850")
    assert table["tiger"] == (292, "n02129604")


def test_the_first_in_sorted_order(root: Path) -> None:
    module = ImageNet(root=root, classes=["hen", "tiger"], per_class=1)
    module.setup("predict")
    assert module.selection.labels.tolist() == [8, 292]
    assert module.selection.images.shape == (2, 3, 224, 224)
    assert module.selection.index.tolist() == [800_000, 29_200_000]
    assert module.describe()["files"] == ["n01514859/1.JPEG", "n02129604/1.JPEG"]
    assert torch.allclose(module.selection.images[:, 0].mean((1, 2)), torch.tensor(40 / 255), atol=0.02)


def test_targeted_pairs(root: Path) -> None:
    module = ImageNet(root=root, targets={"Siamese_cat": "tiger", "hen": "cock"}, per_class=2)
    module.setup("predict")
    assert module.selection.labels.tolist() == [284, 284, 8, 8]
    assert module.selection.targets is not None
    assert module.selection.targets.tolist() == [292, 292, 7, 7]


def test_resize_and_centre_crop(tmp_path: Path) -> None:
    pixels = np.zeros((512, 1024, 3), np.uint8)
    pixels[:, 512:] = 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    image = read_image(tmp_path / "half.png")
    assert image.shape == (3, 224, 224)
    assert image[:, :, :110].max() < 0.01
    assert image[:, :, 114:].min() > 0.99


def test_missing_and_broken(root: Path) -> None:
    with pytest.raises(InputError, match=r"too few images .* of 20 classes, per_class asks for 3: great_white_shark"):
        ImageNet(root=root, per_class=3).setup("predict")
    with pytest.raises(InputError, match="'tigger' is not in the list"):
        ImageNet(root=root, classes=["tigger"])
    broken = root / class_table()["hen"][1] / "1.JPEG"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(InputError, match=r"1.JPEG is no readable image"):
        ImageNet(root=root, classes=["hen"], per_class=1).setup("predict")


def test_grey_images_only_where_asked_for_and_deep_ones_never(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (260, 260), np.uint8)
    path = tmp_path / class_table()["hen"][1] / "grey.png"
    path.parent.mkdir()
    Image.fromarray(grey).save(path)
    with pytest.raises(InputError, match=r"grey\.png is grey-scale; take another image, or --data.grey true"):
        ImageNet(root=tmp_path, classes=["hen"], per_class=1).setup("predict")
    module = ImageNet(root=tmp_path, classes=["hen"], per_class=1, grey=True)
    module.setup("predict")
    (image,) = module.selection.images
    assert image.shape == (3, 224, 224)
    assert torch.equal(image[0], image[2])
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match=r"deep\.png has pixels of kind I;16, not of 8 bits"):
        read_image(tmp_path / "deep.png", grey=True)
