"""MNIST's idx files (LeCun's format), plain or gzipped, and whether they are the original ones."""

import gzip
import hashlib
import struct
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from datamodules.labelled import Labelled
from datamodules.selection import check_labels
from lit_adv.errors import InputError

ORIGINAL: Final = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
"""MD5 of MNIST's uncompressed files, by name."""
CLASSES: Final = 10
LARGEST: Final = 2**31
"""Most bytes that are read of a file."""


def find_idx(folder: Path, name: str) -> Path:
    """Returns the path of an idx file: `name`, or else `name.gz`.

    Raises:
        InputError: there is neither.
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"no file {name} or {name}.gz in {folder}; --root must be the folder that holds MNIST's idx files")


def read_idx(folder: Path, name: str, dimensions: int) -> Tensor:
    """Reads one idx file of unsigned bytes, plain or gzipped; the plain one where both are there.

    Raises:
        InputError: the file is missing, damaged, or larger than `LARGEST`.
    """
    return read_file(find_idx(folder, name), dimensions)


def read_file(path: Path, dimensions: int) -> Tensor:
    """Reads one idx file of unsigned bytes; one whose name ends in `.gz` is unpacked.

    Raises:
        InputError: the file is damaged, or larger than `LARGEST`.
    """
    header = 4 + 4 * dimensions
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}; {_remedy(path)}") from error
    if len(content) > LARGEST:
        raise InputError(f"{path} holds more than {LARGEST} bytes; {_remedy(path)}")
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) < header:
        raise InputError(f"{path} is damaged: not an idx file of {dimensions}-dimensional bytes; {_remedy(path)}")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) != header + prod(shape):
        raise InputError(
            f"{path} is damaged: {len(content) - header} bytes of values in place of the {prod(shape)} that its header "
            f"tells; {_remedy(path)}"
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy())


def is_original(name: str, values: Tensor) -> bool:
    """Whether the values are those of MNIST's own file `name`."""
    header = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return hashlib.md5(header + values.numpy().tobytes(), usedforsecurity=False).hexdigest() == ORIGINAL[name]


def labelled_images(values: Mapping[str, Tensor], folder: Path) -> Labelled:
    """Puts the arrays of the four files together.

    Args:
        values: array of each file, by its name in `ORIGINAL`.
        folder: where they are from, for messages.

    Raises:
        InputError: images and labels do not match, are of another size, or a label is out of range.
    """
    parts = []
    for stem in ("train", "t10k"):
        images, labels = values[f"{stem}-images-idx3-ubyte"], values[f"{stem}-labels-idx1-ubyte"].long()
        if images.shape != (len(labels), 28, 28) or not len(labels):
            raise InputError(
                f"{folder}: {stem} images {list(images.shape)} and labels {list(labels.shape)} do not match; "
                "want [N, 28, 28] and [N], N above 0"
            )
        check_labels(labels, CLASSES, find_idx(folder, f"{stem}-labels-idx1-ubyte"))
        parts += [images.unsqueeze(1).float() / 255, labels]
    return Labelled(*parts)


def _remedy(path: Path) -> str:
    packed = path.with_name(f"{path.name}.gz")
    return f"delete it, and {packed.name} beside it is read" if packed.is_file() else "fetch it again"
