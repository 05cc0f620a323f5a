"""Own images: class folders and CSV files, ImageNet's classes and others."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from datamodules.imagenet import ImageNet
from datamodules.images import Images
from lit_adv.data_sets import imagenet_names
from lit_adv.errors import InputError
from lit_adv.imagenet import imagenet_wnids
from lit_adv.perturbations.manifest import DataRecord

SMALL: dict[str, Any] = {"resize": 20, "crop": 16}
HEN, TIGER, CRANE_BIRD = 8, 292, 134


def picture(path: Path, grey: bool = False) -> None:
    """A picture of its own colours, which its name decides."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(list(path.as_posix().encode()))
    Image.fromarray(generator.integers(0, 256, (24, 28, *([] if grey else [3])), np.uint8)).save(path)


def folders(root: Path, *names: str, each: int = 2) -> Path:
    for name in names:
        for number in range(each):
            picture(root / name / f"{number}.png")
    return root


def table(root: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path = root / "labels.csv"
    path.write_text("\n".join(rows) + "\n", encoding=encoding)
    return path


def made(root: Path, **options: Any) -> Images:
    module = Images(root=root, **{**SMALL, **options})
    module.prepare_data()
    module.setup("predict")
    return module


@pytest.mark.parametrize("words", [imagenet_wnids(), imagenet_names(), [str(n) for n in range(1000)]])
def test_folders_are_named_by_wnids_names_or_numbers(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    folders(tmp_path, words[TIGER], words[HEN].replace(" ", "_"))
    module = made(tmp_path)
    assert module.selection.labels.tolist() == [HEN, HEN, TIGER, TIGER]
    assert module.selection.index.tolist() == [800_000, 800_001, 29_200_000, 29_200_001]
    assert module.describe()["classes"] == "imagenet"
    assert "2 class folders" in capsys.readouterr().err.splitlines()[0]
    assert made(tmp_path, classes=["Hen"], per_class=1).files == [f"{words[HEN].replace(' ', '_')}/0.png"]
    assert made(tmp_path, classes=[TIGER]).selection.labels.tolist() == [TIGER, TIGER]


def test_photographs_of_imagenet_are_those_of_its_own_data_module(tmp_path: Path) -> None:
    folders(tmp_path, imagenet_wnids()[HEN], imagenet_wnids()[TIGER])
    own = Images(root=tmp_path, classes=["tiger", "hen"], per_class=1)
    other = ImageNet(root=tmp_path, classes=["tiger", "hen"], per_class=1)
    for module in (own, other):
        module.setup("predict")
    assert torch.equal(own.selection.images, other.selection.images)
    assert torch.equal(own.selection.index, other.selection.index)  # so the noise is the same
    assert torch.equal(own.selection.labels, other.selection.labels)
    assert own.files == other.files


def test_other_folders_are_numbered_as_by_torchvision(tmp_path: Path) -> None:
    folders(tmp_path, "zebrafish", "Apfel", "10", "9", each=1)
    with pytest.raises(InputError, match=r"are mixed: numbers \(10, 9\) and own names .* --data\.class_list"):
        made(tmp_path)
    peer = ImageFolder(tmp_path)
    (tmp_path / ".hidden").mkdir()
    module = made(tmp_path, class_list="folders")
    assert module.selection.labels.tolist() == peer.targets
    assert module.describe()["classes"] == peer.classes
    assert DataRecord("images", module.describe()).data_set.class_names() == tuple(peer.classes)
    assert made(tmp_path, class_list="folders", classes=["apfel"]).selection.index.tolist() == [200_000]
    with pytest.raises(InputError, match="'Birne' is none of the classes 10, 9, Apfel, zebrafish"):
        made(tmp_path, class_list="folders", classes=["Birne"])


def test_numbers_of_own_classes(tmp_path: Path) -> None:
    folders(tmp_path, "a", "b", each=1)
    assert made(tmp_path, classes=[1]).files == ["b/0.png"]
    assert made(tmp_path, classes=[1], first_label=1).files == ["a/0.png"]


def test_a_file_of_names_gives_the_order_of_the_outputs(tmp_path: Path) -> None:
    folders(tmp_path / "val", "cat", "big_dog", each=1)
    names = tmp_path / "names.txt"
    names.write_text("\ufeffbig dog\ncow\n\ncat\n", encoding="utf-8")
    module = made(tmp_path / "val", class_list=names)
    assert module.selection.labels.tolist() == [0, 2]
    assert module.describe()["classes"] == ["big dog", "cow", "cat"]
    assert module.class_count == 3
    with pytest.raises(InputError, match=r"has too few images .*: cow: 0"):
        made(tmp_path / "val", class_list=names, classes=["cow", "cat"])
    names.write_text("big dog\n")
    with pytest.raises(InputError, match="names 1 classes; name two"):
        made(tmp_path / "val", class_list=names)
    names.write_text("cat\ncat\n")
    with pytest.raises(InputError, match="names the class 'cat' twice"):
        made(tmp_path / "val", class_list=names)
    with pytest.raises(InputError, match=r"cannot read .*nothing\.txt: No such file"):
        made(tmp_path / "val", class_list=tmp_path / "nothing.txt")


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (["filename,label", "a.png,8", "sub/b.png,292"], [8, 292]),
        (["\ufefffile;class", "a.png;hen", "", "sub/b.png;Tiger", ""], [8, 292]),
        (["index,Image,wnid,name", "0,a.png,n01514859,x", "1,sub/b,n02129604,y"], [8, 292]),
        (["path\tclass_index", "sub/b.png\t292", "a.png\t8"], [8, 292]),
        (['filename,label,notes', '"a.png","great white shark, white shark","x, y"', "sub/b.png,tiger"], [2, 292]),
        (["ImageId,URL,TrueLabel,TargetClass", "a,http://x,9,3", "sub/b,http://y,293,4"], [8, 292]),
    ],
)  # fmt: skip
def test_tables_of_labels(tmp_path: Path, rows: list[str], labels: list[int]) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "sub/b.png")
    module = made(tmp_path, labels=table(tmp_path, *rows))
    assert module.selection.labels.tolist() == labels
    assert module.files == ["a.png", "sub/b.png"]
    assert module.selection.targets is None
    assert not DataRecord("images", module.describe()).targeted


def test_the_nips_table_begins_at_1_unless_told_otherwise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(tmp_path / "a.png")
    labels = table(tmp_path, "ImageId,TrueLabel,TargetClass", "a,1000,3")
    module = made(tmp_path, labels=labels, targets="column")
    assert (module.selection.labels.tolist(), module.selection.targets) == ([999], torch.tensor([2]))
    assert "numbers of ImageNet's 1000 classes from 1 on, as in the NIPS 2017 table" in capsys.readouterr().err
    assert module.describe()["targets"] == {"a.png": 2}
    with pytest.raises(InputError, match=r"labels\.csv, row 2, TrueLabel: class 1000 is out of range.*first_label 1"):
        made(tmp_path, labels=labels, first_label=0)


def test_numbers_of_images_do_not_depend_on_what_is_selected(tmp_path: Path) -> None:
    folders(tmp_path, "hen", "tiger", each=3)
    rows = [f"{name}/{n}.png,{name}" for n in range(3) for name in ("tiger", "hen")]
    labels = table(tmp_path, "filename,label", *rows)
    for options in ({}, {"labels": labels}):
        whole, part = made(tmp_path, **options), made(tmp_path, classes=["tiger"], per_class=2, **options)
        everything = dict(zip(whole.files, whole.selection.index.tolist(), strict=True))
        assert len(set(everything.values())) == 6
        assert part.selection.index.tolist() == [everything[file] for file in part.files]


def test_targets_of_classes_and_of_rows(tmp_path: Path) -> None:
    folders(tmp_path, "hen", "tiger", each=1)
    module = made(tmp_path, targets={"hen": 7, str(TIGER): "Siamese_cat"})
    assert module.selection.labels.tolist() == [HEN, TIGER]
    assert module.selection.targets is not None
    assert module.selection.targets.tolist() == [7, 284]
    only = made(tmp_path, classes=["hen", "tiger"], targets={"hen": "cock"})
    assert only.files == ["hen/0.png"]
    assert DataRecord("images", only.describe()).targeted
    with pytest.raises(InputError, match="class 8 has itself as target"):
        made(tmp_path, targets={"hen": "hen"})
    with pytest.raises(InputError, match="targets: none of the classes has one"):
        made(tmp_path, classes=["tiger"], targets={"hen": "cock"})
    labels = table(tmp_path, "filename,label", "hen/0.png,hen")
    with pytest.raises(InputError, match="has no column of targets"):
        made(tmp_path, labels=labels, targets="column")


def test_the_record_says_what_the_pixels_depend_on(tmp_path: Path) -> None:
    folders(tmp_path, "hen", "tiger", each=1)
    module = made(tmp_path, per_class=1)
    record = module.describe()
    assert record["image_shape"] == [3, 16, 16]
    assert (record["resize"], record["turn"], record["grey"]) == (20, False, False)
    pixels = module.selection.images.numpy()
    assert record["mean"] == pytest.approx(pixels.mean((0, 2, 3)), abs=1e-5)
    assert record["std"] == pytest.approx(pixels.std((0, 2, 3)), abs=1e-5)
    found = DataRecord("images", record).data_set
    assert (found.image_shape, found.classes) == ((3, 16, 16), 1000)


def test_pictures_that_are_left_as_they_are(tmp_path: Path) -> None:
    folders(tmp_path, "hen", "tiger", each=1)
    module = made(tmp_path, resize=None, crop=24)
    with Image.open(tmp_path / "hen/0.png") as image:
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255
    assert torch.equal(module.selection.images[0], pixels[:, :, 2:26])
    with pytest.raises(InputError, match=r"0\.png has 28 × 24 pixels, too few to cut out 25 × 25; give --data\.resize"):
        made(tmp_path, resize=None, crop=25)


def test_one_channel_and_grey_pictures(tmp_path: Path) -> None:
    for name in ("3", "7"):
        picture(tmp_path / name / "0.png", grey=True)
    module = made(tmp_path, channels=1, class_list="folders")
    assert module.selection.images.shape == (2, 1, 16, 16)
    assert module.describe()["mean"] == pytest.approx([float(module.selection.images.mean())], abs=1e-5)
    with pytest.raises(InputError, match=r"0\.png is grey-scale; take another image, or --data\.grey true"):
        made(tmp_path, class_list="folders")
    equal = made(tmp_path, class_list="folders", grey=True).selection.images
    assert torch.equal(equal, module.selection.images.expand(-1, 3, -1, -1))
    picture(tmp_path / "7" / "1.png")
    with pytest.raises(InputError, match=r"1\.png is in colour; take another image, or --data\.channels 3"):
        made(tmp_path, channels=1, class_list="folders")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a.png,8", "b.png,9"], r"labels\.csv has no column of files: its first row is 'a\.png,8'; name the columns"),
        (["file,name", "a.png,8"], r"labels\.csv has no column of labels: .* one of label, truelabel, wnid"),
        ([""], "is empty; it must hold a header"),
        (["file,label"], "has a header and no rows"),
        (["file,label", "a.png,8", "", "b.png,9,10"], r"row 4 has 3 values for 2 columns"),
        (["file,label", "a.png,"], r"row 2 has no label; give it one"),
        (["file,label", ",8"], r"row 2 has no file; give it one"),
        (["file,label", "c.png,8"], r"row 2: there is no file .*c\.png; put it there, or delete the row"),
        (["file,label", "a.png,8", "b.png,8", "a,9"], r"rows 2 and 4 are of one file, a\.png; delete one"),
        (["file,label", "a.png,hen", "b.png,hun"], r"are mixed: ImageNet's names \(hen\) and own names \(hun\)"),
        (["file,label", "a.png,8", "b.png,n01514859"], r"are mixed: numbers \(8\) and wnids"),
        (["file,label", "a.png,n00000000"], r"row 2, label: 'n00000000' is none of ImageNet's classes"),
        (
            ["file,label", "a.png,crane"],
            r"row 2, label: 'crane' is the name of two .* n02012849 \(134, crane bird\)",
        ),
        (
            ["file,label", "a.png,0", "b.png,1000"],
            r"row 3, label: class 1000 is out of range; .*first_label 1",
        ),
        (["file,label", "a.png,-1"], r"row 2, label: class -1 is out of range; classes are 0 to 999"),
        (["file,label", "a.png,1.5"], r"row 2, label: class 1\.5 is out of range"),
        (["file,label,target", "a.png,8,9", "b.png,8,"], r"row 3 has no target, others have"),
        (["file,label,target", "a.png,8,8"], r"row 2: the target is the label, 8; give another class"),
        (["file,label", "../a.png,8"], r"row 2: \.\./a\.png is not below .*; give the path from there on"),
        (["file,label", '"a.png,8'], r"row 2: unexpected end of data; it must be a CSV file"),
        (["file,label", "a.png,cat"], r"are of one class only, cat; models tell two or more apart"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    for name in ("a", "b"):
        picture(tmp_path / f"{name}.png")
    targets = "column" if any("target" in row for row in rows) else None
    with pytest.raises(InputError, match=message):
        made(tmp_path, labels=table(tmp_path, *rows), targets=targets)


def test_files_without_ending_and_text_of_another_encoding(tmp_path: Path) -> None:
    picture(tmp_path / "ä.png")
    picture(tmp_path / "ä.bmp")
    with pytest.raises(InputError, match=r"row 2: ä may be ä\.png or ä\.bmp; add the ending"):
        made(tmp_path, labels=table(tmp_path, "file,label", "ä,8"))
    with pytest.raises(InputError, match=r"labels\.csv is not UTF-8 text; save it as UTF-8"):
        made(tmp_path, labels=table(tmp_path, "file,label", "ä.png,8", encoding="latin-1"))
    labels = table(tmp_path, "file,label", "ä.png,1", "ä.bmp,2")
    with pytest.raises(InputError, match=r"column label, are numbers; name all classes, in the order"):
        made(tmp_path, labels=labels, class_list="folders")
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    module = made(tmp_path, labels=labels, class_list=tmp_path / "names.txt", first_label=1)
    assert module.selection.labels.tolist() == [0, 1]
    (tmp_path / "names.txt").write_text("1\n3\n")
    with pytest.raises(InputError, match=r"row 3, label: '2' is none of the classes 1, 3"):
        made(tmp_path, labels=labels, class_list=tmp_path / "names.txt")


def test_folders_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder .*nowhere; --data\.root must be the folder of the images"):
        made(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no folders of classes; .* --data\.labels FILE\.csv"):
        made(tmp_path)
    table(tmp_path, "file,label")
    with pytest.raises(InputError, match=r"holds no folders of classes; .* --data\.labels .*labels\.csv"):
        made(tmp_path)
    folders(tmp_path, "hen", "tiger")
    made(tmp_path)  # the lone table beside them is not taken
    (tmp_path / "cock").mkdir()
    with pytest.raises(InputError, match=r"too few images .* of 1 classes, per_class asks for all there are: cock: 0"):
        made(tmp_path)
    assert len(made(tmp_path, classes=["hen", "tiger"]).files) == 4
    with pytest.raises(InputError, match=r"asks for 3: hen: 2, tiger: 2"):
        made(tmp_path, classes=["hen", "tiger"], per_class=3)
    folders(tmp_path, imagenet_wnids()[HEN])
    with pytest.raises(InputError, match=r"are mixed: ImageNet's names \(cock, hen, tiger\) and wnids"):
        made(tmp_path)
    with pytest.raises(InputError, match=r"folders hen and n01514859 in .* are of one class, hen"):
        made(tmp_path, class_list="imagenet")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resize": 15}, "resize is 15, crop 16; the square that is cut out must fit"),
        ({"crop": 0}, "crop is 0; it must be a whole number"),
        ({"channels": 2}, "channels is 2; it must be 3, or 1"),
        ({"first_label": 2}, "first_label is 2; numbers of classes begin at 0 or 1"),
        ({"classes": []}, "classes names no class"),
        ({"classes": ["hen", 8]}, "classes names hen twice"),
        ({"classes": ["hun"]}, "classes: 'hun' is none of ImageNet's classes"),
        ({"targets": {"hen": "hun"}}, "targets: 'hun' is none of ImageNet's classes"),
        ({"targets": "column"}, r"give --data\.labels FILE\.csv"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    folders(tmp_path, "hen", "tiger")
    with pytest.raises(InputError, match=message):
        made(tmp_path, **options)


def test_photographs_of_the_shared_set_by_folder_and_by_table() -> None:
    root = Path(__file__).parents[3] / "shared" / "data" / "imagenet200"
    if not root.is_dir():
        pytest.skip("no photographs in shared/data/imagenet200")
    options: dict[str, Any] = {"grey": True, "resize": 24, "crop": 16}
    by_folder = made(root / "val", **options)
    by_table = made(root / "val", labels=root / "labels.csv", **options)
    with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
        known = {row["file"]: int(row["class_index"]) for row in csv.DictReader(file)}
    for module in (by_folder, by_table):
        assert dict(zip(module.files, module.selection.labels.tolist(), strict=True)) == known
