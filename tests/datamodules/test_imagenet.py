"""ImageNet's folders: selection, preprocessing, and what is missing."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

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


def test_files_are_those_of_the_images(root: Path) -> None:
    """Masks are found by them; classes without a target give no image."""
    module = ImageNet(root=root, classes=["tiger", "hen"], targets={"hen": "cock"}, per_class=2)
    module.setup("predict")
    assert module.selection.labels.tolist() == [8, 8]
    assert module.describe()["files"] == ["n01514859/1.JPEG", "n01514859/3.png"]
    with pytest.raises(InputError, match="targets: none of the classes tiger has one"):
        ImageNet(root=root, classes=["tiger"], targets={"hen": "cock"}, per_class=2).setup("predict")


def test_resize_and_centre_crop(tmp_path: Path) -> None:
    pixels = np.zeros((512, 1024, 3), np.uint8)
    pixels[:, 512:] = 255
    Image.fromarray(pixels).save(tmp_path / "half.png")
    image = read_image(tmp_path / "half.png", grey=True)
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


def coloured(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8))


def hens(root: Path) -> Path:
    folder = root / class_table()["hen"][1]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_photographs_that_ask_to_be_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photograph = coloured(300, 260)
    photograph.save(hens(tmp_path) / "a.png", exif=exif)
    module = ImageNet(root=tmp_path, classes=["hen"], per_class=1)
    module.prepare_data()
    module.setup("predict")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("EXIF data ask to turn 1 of 1 photographs, such as ")
    assert "--data.turn true turns them" in line
    assert "turn" not in module.describe()
    turned = ImageNet(root=tmp_path, classes=["hen"], per_class=1, turn=True)
    turned.setup("predict")
    assert capsys.readouterr().err == ""
    assert turned.describe()["turn"] is True
    assert torch.allclose(module.selection.images[0].rot90(-1, (1, 2)), turned.selection.images[0], atol=0.02)
    photograph.rotate(-90, expand=True).save(hens(tmp_path) / "a.png")
    plain = ImageNet(root=tmp_path, classes=["hen"], per_class=1)
    plain.setup("predict")
    assert torch.equal(plain.selection.images, turned.selection.images)


def test_small_and_doubled_photographs_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, size in (("a", (256, 300)), ("b", (10, 12)), ("c", (255, 400))):
        coloured(*size).save(hens(tmp_path) / f"{name}.png")
    (hens(tmp_path) / "d.png").symlink_to("a.png")
    ImageNet(root=tmp_path, classes=["hen"], per_class=None).setup("predict")
    small, same = capsys.readouterr().err.splitlines()
    assert small.startswith("2 of 4 photographs are enlarged to 256 pixels, the smallest ")
    assert small.endswith("b.png from 10")
    assert same == "1 of the images are repeated, such as n01514859/a.png and n01514859/d.png; each counts"


def test_a_line_of_pixels_is_not_enlarged(tmp_path: Path) -> None:
    coloured(3000, 1).save(tmp_path / "line.png")
    with pytest.raises(InputError, match=r"line\.png has 3000 × 1 pixels; it is too narrow"):
        read_image(tmp_path / "line.png")


def test_folders_and_broken_links_among_the_photographs(tmp_path: Path) -> None:
    (hens(tmp_path) / "a.jpg").mkdir()
    os.mkfifo(hens(tmp_path) / "a.png")
    coloured(256, 256).save(hens(tmp_path) / "ä b.PNG")
    module = ImageNet(root=tmp_path, classes=["hen"], per_class=1)
    module.setup("predict")
    assert module.describe()["files"] == ["n01514859/ä b.PNG"]
    (hens(tmp_path) / "b.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(InputError, match=r"b\.jpg is no readable image: No such file"):
        ImageNet(root=tmp_path, classes=["hen"], per_class=1).setup("predict")  # not silently the next one
    file = hens(tmp_path) / "ä b.PNG"
    with pytest.raises(InputError, match=r"no folder .*PNG; --data\.root must hold a folder for each class"):
        ImageNet(root=file, classes=["hen"]).prepare_data()
    hens(tmp_path).rename(tmp_path / "elsewhere")
    (tmp_path / class_table()["hen"][1]).touch()
    with pytest.raises(InputError, match=r"cannot read the folder .*n01514859: Not a directory"):
        ImageNet(root=tmp_path, classes=["hen"]).prepare_data()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": []}, "classes names no class"),
        ({"classes": ["hen", "n01514859"]}, "classes: ImageNet class 'n01514859' is not in the list"),
        ({"classes": ["hen", "tiger", "hen"]}, "classes names hen twice"),
        ({"targets": {"hun": "tiger"}}, "targets: ImageNet class 'hun' is not in the list"),
        ({"targets": {"hen": "tigger"}}, "targets: ImageNet class 'tigger' is not in the list"),
        ({"targets": {"hen": "hen"}}, "targets: class hen has itself as target"),
        ({"root": Path("~nobody-of-this-name/val")}, "home folder of ~nobody-of-this-name is unknown"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageNet(**{"root": tmp_path, **options})


def test_the_home_folder_and_odd_paths(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Bilder für mich").symlink_to(root)
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("~/Bilder für mich", str(tmp_path / "Bilder für mich")):
        module = ImageNet(root=Path(folder), classes=["hen"], per_class=1)
        module.setup("predict")
        assert len(module.selection.labels) == 1


@pytest.mark.parametrize(
    ("mode", "ending"), [(m, "png") for m in ("L", "P", "RGB", "RGBA", "LA", "1")] + [("RGB", "jpg"), ("CMYK", "jpg")]
)
def test_grey_however_it_is_stored(tmp_path: Path, mode: str, ending: str) -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (260, 260), np.uint8))
    path = tmp_path / f"grey.{ending}"
    (grey.convert("RGB") if mode == "CMYK" else grey).convert(mode).save(path)
    with pytest.raises(InputError, match=r"grey\.\w+ is grey-scale"):
        read_image(path)
    image = read_image(path, grey=True)
    assert (image == image[0]).all()


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
