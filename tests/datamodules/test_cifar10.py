"""CIFAR-10 from arrays, good and bad."""

import os
import pickle
import random
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch
from numpy.lib.format import write_array_header_1_0
from PIL import Image

from datamodules import cifar10
from datamodules.cifar10 import CIFAR10, load_cifar10
from lit_adv.errors import InputError

SHARED = Path(os.environ.get("LIT_ADV_CIFAR10", Path(__file__).parents[3] / "shared" / "data" / "cifar10"))
EXACT = SHARED / "cifar10_test_lossless_000-099.npz"


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).integers(0, 256, (30, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "test.npz", x=x, y=np.arange(30) % 10)
    return tmp_path / "test.npz"


def test_the_first_of_each_class(arrays: Path) -> None:
    module = CIFAR10(source="npz", root=arrays, per_class=2)
    module.setup("predict")
    assert module.selection.index.tolist() == [i for c in range(10) for i in (c, c + 10)]
    with np.load(arrays) as content:
        pixel = content["x"][10, 5, 6].tolist()
    assert torch.allclose(module.selection.images[1, :, 5, 6] * 255, torch.tensor(pixel).float())


def test_bad_files(arrays: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*none.npz"):
        load_cifar10("npz", tmp_path / "none.npz")
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is damaged"):
        load_cifar10("npz", arrays)
    np.savez(arrays, x=np.zeros((3, 32, 32), np.uint8), y=np.zeros(3, np.int64))
    with pytest.raises(InputError, match=r"images are uint8 \[3, 32, 32\]"):
        load_cifar10("npz", arrays)
    np.savez(arrays, x=np.zeros((3, 32, 32, 3), np.uint8), y=np.zeros((3, 1), np.int64))
    with pytest.raises(InputError, match=r"labels y are int64 \[3, 1\]"):
        load_cifar10("npz", arrays)
    np.save(arrays.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(InputError, match="is damaged or has no arrays"):
        load_cifar10("npz", arrays.with_suffix(".npy"))
    np.savez(arrays, x=np.array([{"a": 1}], dtype=object), y=np.zeros(1))
    with pytest.raises(InputError, match="is damaged or has no arrays"):
        load_cifar10("npz", arrays)


X = np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3), np.uint8)
Y = np.arange(20) % 10


def jpeg(side: int = 32, kind: str = "JPEG") -> dict[str, np.ndarray]:
    files = []
    for pixels in X[:10]:
        Image.fromarray(pixels).resize((side, side)).save(file := BytesIO(), kind)
        files.append(file.getvalue())
    offset = np.cumsum([0, *map(len, files)])
    return {"jpeg": np.frombuffer(b"".join(files), np.uint8), "offset": offset, "y": Y[:10]}


@pytest.mark.parametrize(
    "content",
    [
        {"x": X, "y": Y},
        {"x": np.asfortranarray(X), "y": Y},
        {"x": X[::-1][::-1], "y": Y.astype(np.uint8)},
        {"x": X, "y": Y.astype(">i8")},
    ],
)
def test_arrays_of_every_order_and_integer(tmp_path: Path, content: dict[str, np.ndarray]) -> None:
    np.savez_compressed(tmp_path / "mit Umläuten.npz", **content)
    images, labels = load_cifar10("npz", tmp_path / "mit Umläuten.npz")
    assert torch.equal(images, torch.from_numpy(X).permute(0, 3, 1, 2) / 255)
    assert images.is_contiguous()
    assert labels.tolist() == Y.tolist()


def test_jpeg_files_end_to_end(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **jpeg())
    images, _ = load_cifar10("npz", tmp_path / "x.npz")
    assert images.shape == (10, 3, 32, 32)


BAD = {
    "object pixels": ({"x": np.array([None] * 20), "y": Y}, "Object arrays cannot be loaded"),
    "object labels": ({"x": X, "y": np.array([{}] * 20)}, "Object arrays cannot be loaded"),
    "no labels": ({"x": X}, "has no arrays x and y: 'y is not a file"),
    "no pixels": ({"y": Y}, "has no arrays x and y: 'jpeg is not a file"),
    "other names": ({"images": X, "labels": Y}, "has no arrays x and y"),
    "float pixels": ({"x": X / 255, "y": Y}, r"images are float64 .* want uint8 \[20, 32, 32, 3\] of 0 to 255"),
    "float pixels beyond 1": ({"x": X.astype(np.float32), "y": Y}, "images are float32 .* want uint8"),
    "pixels that are no numbers": ({"x": np.full(X.shape, np.nan), "y": Y}, "images are float64 .* want uint8"),
    "signed pixels": ({"x": X.astype(np.int16), "y": Y}, "images are int16 .* want uint8"),
    "channels first": ({"x": X.transpose(0, 3, 1, 2), "y": Y}, r"uint8 \[20, 3, 32, 32\], want"),
    "grey": ({"x": X[..., 0], "y": Y}, r"uint8 \[20, 32, 32\], want"),
    "rows": ({"x": X.reshape(20, -1), "y": Y}, r"uint8 \[20, 3072\], want"),
    "more pixels than labels": ({"x": X, "y": Y[:19]}, r"uint8 \[20, 32, 32, 3\], want uint8 \[19, 32"),
    "fewer pixels than labels": ({"x": X[:19], "y": Y}, r"uint8 \[19, 32, 32, 3\], want uint8 \[20, 32"),
    "one-hot labels": ({"x": X, "y": np.eye(10)[Y].astype(int)}, r"labels y are int64 \[20, 10\]"),
    "float labels": ({"x": X, "y": Y.astype(float)}, "labels y are float64"),
    "truth values": ({"x": X, "y": Y > 4}, "labels y are bool"),
    "one label": ({"x": X, "y": np.array(3)}, r"labels y are int64 \[\]"),
    "label 10": ({"x": X, "y": Y + 1}, r"label 10 of image 9 is out of range"),
    "label -1": ({"x": X, "y": Y - 1}, r"label -1 of image 0 is out of range"),
    "label 2^64 - 1": ({"x": X, "y": np.full(20, 2**64 - 1, np.uint64)}, r"label -1 of image 0"),
    "no offset": ({key: value for key, value in jpeg().items() if key != "offset"}, "offset is not a file"),
    "offset backwards": ({**jpeg(), "offset": jpeg()["offset"][::-1]}, "is damaged"),
    "offset beyond": ({**jpeg(), "offset": jpeg()["offset"] + 10**6}, "is damaged"),
    "float offset": ({**jpeg(), "offset": jpeg()["offset"] / 2}, "is damaged"),
    "too few pictures": ({**jpeg(), "y": Y}, r"uint8 \[10, 32, 32, 3\], want uint8 \[20"),
    "larger pictures": (jpeg(33), r"picture 0 has \(33, 33\) pixels"),
    "pictures of another kind": (jpeg(kind="PNG"), "cannot identify image"),
}


@pytest.mark.parametrize("what", BAD)
def test_arrays_that_are_no_images(tmp_path: Path, what: str) -> None:
    content, message = BAD[what]
    np.savez(tmp_path / "x.npz", **content)
    with pytest.raises(InputError, match=rf"x\.npz.*{message}"):
        load_cifar10("npz", tmp_path / "x.npz")


def saved(**arrays: np.ndarray) -> bytes:
    np.savez(file := BytesIO(), **arrays)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    with ZipFile(file := BytesIO(), "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def member(array: np.ndarray) -> bytes:
    np.save(file := BytesIO(), array)
    return file.getvalue()


WHOLE = saved(x=X, y=Y)
DAMAGED = {
    "empty": b"",
    "text": b"<html>404 Not Found</html>",
    "cut": WHOLE[:-500],
    "beginning lost": WHOLE[500:],
    "a wrong pixel": WHOLE.replace(X.tobytes(), bytes(1) + X.tobytes()[1:]),
    "an empty archive": zipped(),
    "a member of text": zipped(x=member(X), y=b"no array"),
    "pixels of text": zipped(x=b"no array", y=member(Y)),
    "an empty member": zipped(x=b"", y=member(Y)),
    "half a member": zipped(x=member(X)[:-9], y=member(Y)),
    "half a header": zipped(x=member(X)[:20], y=member(Y)),
    "code in a header": zipped(x=member(X).replace(b"{'descr'", b"exit(1);)"), y=member(Y)),
    "a pickle": pickle.dumps({"x": X, "y": Y}),
    "one array": member(X),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_archives(tmp_path: Path, what: str) -> None:
    (tmp_path / "x.npz").write_bytes(DAMAGED[what])
    with pytest.raises(InputError, match=r"x\.npz( is damaged or has no arrays|: labels y are |: images are )"):
        load_cifar10("npz", tmp_path / "x.npz")


def test_single_wrong_bytes_of_an_archive(tmp_path: Path) -> None:
    dice = random.Random(0)
    for _ in range(100):
        content = bytearray(WHOLE)
        content[dice.choice([dice.randrange(300), dice.randrange(len(WHOLE)), -dice.randrange(1, 300)])] ^= (
            1 << dice.randrange(8)
        )
        (tmp_path / "x.npz").write_bytes(content)
        with suppress(InputError):  # a wrong time in the archive's list, for example, does no harm
            images, labels = load_cifar10("npz", tmp_path / "x.npz")
            assert torch.equal(images, torch.from_numpy(X).permute(0, 3, 1, 2) / 255)
            assert labels.tolist() == Y.tolist()


def test_images_given_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", x=X[[*range(10), 4, *range(11, 20)]], y=Y)
    CIFAR10(source="npz", root=tmp_path / "x.npz", per_class=None).setup("predict")
    assert capsys.readouterr().err == "1 of the images are repeated, such as number 4 and number 10; each counts\n"


def test_no_images_at_all(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=X[:0], y=Y[:0])
    for per_class, message in ((None, "there is no image in the data"), (1, "class 0 has 0 images")):
        with pytest.raises(InputError, match=message):
            CIFAR10(source="npz", root=tmp_path / "x.npz", per_class=per_class).setup("predict")


def npz_of_zeros(path: Path, claimed: tuple[int, ...], size: int) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, shape, dtype, pixels in (("x", claimed, "|u1", bytes(size)), ("y", (20,), "|u1", bytes(20))):
            write_array_header_1_0(header := BytesIO(), {"descr": dtype, "fortran_order": False, "shape": shape})
            archive.writestr(f"{name}.npy", header.getvalue() + pixels)


def test_more_bytes_than_memory_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npz_of_zeros(tmp_path / "x.npz", (10**14, 32, 32, 3), 3072)
    with pytest.raises(InputError, match="is damaged"):
        load_cifar10("npz", tmp_path / "x.npz")
    npz_of_zeros(tmp_path / "x.npz", (2000, 32, 32, 3), 2000 * 3072)
    monkeypatch.setattr(cifar10, "LARGEST", 10**6)
    with pytest.raises(InputError, match=r"x\.npz unpacks to 61\d+ bytes, more than 1000000"):
        load_cifar10("npz", tmp_path / "x.npz")


def test_which_of_torchvisions_files_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.CIFAR10.url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    folder = tmp_path / "cifar-10-batches-py"
    with pytest.raises(InputError, match=r"is not whole: data_batch_1, .*, batches.meta \(missing\); cannot download"):
        load_cifar10("torchvision", tmp_path)
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")  # a pickle is not read before its checksum is right
    message = rf"CIFAR-10 in {folder} is not whole: data_batch_1, test_batch \(damaged\), data_batch_2, "
    with pytest.raises(InputError, match=message):
        CIFAR10(root=tmp_path).prepare_data()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="put torchvision's files there"):
        load_cifar10("torchvision", tmp_path / "file")


def test_the_home_folder(arrays: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(arrays.parent))
    assert len(load_cifar10("npz", Path("~/test.npz"))[1]) == 30
    assert len(CIFAR10(root=Path("~/test.npz"), source="npz", per_class=1).select().labels) == 10


@pytest.mark.skipif(not EXACT.is_file(), reason=f"no exact CIFAR-10 images at {EXACT}; set LIT_ADV_CIFAR10")
def test_the_real_images() -> None:
    images, labels = load_cifar10("npz", EXACT)
    assert images.shape == (100, 3, 32, 32)
    assert labels[:5].tolist() == [3, 8, 8, 0, 6]  # cat, ship, ship, airplane, frog
