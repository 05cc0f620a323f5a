"""Damaged idx files, in every way that we could think of."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from datamodules import idx
from datamodules.idx import find_idx, read_idx
from lit_adv.errors import InputError

NAME = "t10k-images-idx3-ubyte"
VALUES = np.random.default_rng(0).integers(0, 256, (7, 3, 2), np.uint8)


def content(*shape: int, values: bytes = VALUES.tobytes(), magic: bytes = b"\0\0\x08\x03") -> bytes:
    return magic + struct.pack(f">{len(shape)}I", *shape) + values


GOOD = content(7, 3, 2)
PACKED = gzip.compress(GOOD, mtime=0)


TWO_PARTS = gzip.compress(GOOD[:9], mtime=0) + gzip.compress(GOOD[9:], mtime=0)


@pytest.mark.parametrize(
    ("ending", "bytes_"),
    [("", GOOD), (".gz", PACKED), (".gz", TWO_PARTS)],
    ids=["plain", "packed", "packed in two parts"],
)
def test_whole_files(tmp_path: Path, ending: str, bytes_: bytes) -> None:
    (tmp_path / f"{NAME}{ending}").write_bytes(bytes_)
    assert np.array_equal(read_idx(tmp_path, NAME, 3).numpy(), VALUES)


def flipped(bytes_: bytes, place: int) -> bytes:
    changed = bytearray(bytes_)
    changed[place] ^= 255
    return bytes(changed)


BAD = {
    "empty": b"",
    "one byte": GOOD[:1],
    "the magic number only": GOOD[:4],
    "half a header": GOOD[:10],
    "the header only": GOOD[:16],
    "a value too few": GOOD[:-1],
    "a value too many": GOOD + b"\0",
    "twice": GOOD + GOOD,
    "text": b"<html>404 Not Found</html>" * 3,
    "magic number": flipped(GOOD, 0),
    "signed bytes": content(7, 3, 2, magic=b"\0\0\x09\x03"),
    "float32": content(7, 3, 2, values=VALUES.astype(">f4").tobytes(), magic=b"\0\0\x0d\x03"),
    "labels": content(42, magic=b"\0\0\x08\x01"),
    "four dimensions": content(7, 3, 2, 1, magic=b"\0\0\x08\x04"),
    "little endian": b"\x03\x08\0\0" + struct.pack("<3I", 7, 3, 2) + VALUES.tobytes(),
    "more than there is": content(8, 3, 2),
    "a size beyond 64 bits": content(2**31, 2**31, 4, values=b""),  # 0 in int64
    "the largest sizes": content(2**32 - 1, 2**32 - 1, 2**32 - 1),
    "gzipped without the ending": PACKED,
}
PACKED_BAD = {
    "empty": b"",
    "cut": PACKED[:-10],
    "header only": PACKED[:10],
    "not gzipped": GOOD,
    "wrong sum": flipped(PACKED, -7),
    "wrong length": flipped(PACKED, -2),
    "wrong flags": flipped(PACKED, 3),
    "damaged stream": PACKED[:20] + bytes(20) + PACKED[40:],
    "packed twice": gzip.compress(PACKED, mtime=0),
    "text": b"<html>404 Not Found</html>",
}
FILES = [(what, "", bad) for what, bad in BAD.items()] + [(what, ".gz", bad) for what, bad in PACKED_BAD.items()]


@pytest.mark.parametrize(("what", "ending", "bad"), FILES, ids=[f"{what}{ending}" for what, ending, _ in FILES])
def test_damaged_files(tmp_path: Path, what: str, ending: str, bad: bytes) -> None:
    path = tmp_path / f"{NAME}{ending}"
    path.write_bytes(bad)
    with pytest.raises(InputError, match=rf"{path} is damaged: .*; fetch it again"):
        read_idx(tmp_path, NAME, 3)


def test_one_of_two_is_damaged(tmp_path: Path) -> None:
    plain, packed = tmp_path / NAME, tmp_path / f"{NAME}.gz"
    plain.write_bytes(GOOD)
    packed.write_bytes(PACKED[:20])
    assert np.array_equal(read_idx(tmp_path, NAME, 3).numpy(), VALUES)
    plain.write_bytes(GOOD[:20])
    packed.write_bytes(PACKED)
    with pytest.raises(InputError, match=rf"{plain} is damaged: .*; delete it, and {NAME}\.gz beside it is read"):
        read_idx(tmp_path, NAME, 3)
    plain.unlink()
    assert np.array_equal(read_idx(tmp_path, NAME, 3).numpy(), VALUES)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_more_bytes_than_memory_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr(idx, "LARGEST", 1000)
    bomb = content(1000, 100, 100, values=bytes(10**7))
    (tmp_path / f"{NAME}{ending}").write_bytes(gzip.compress(bomb) if ending else bomb)
    with pytest.raises(InputError, match="holds more than 1000 bytes"):
        read_idx(tmp_path, NAME, 3)


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / f"{NAME}.gz").symlink_to("nowhere")
    with pytest.raises(InputError, match=rf"no file {NAME} or {NAME}\.gz in {tmp_path}; --root must be the folder"):
        find_idx(tmp_path, NAME)
