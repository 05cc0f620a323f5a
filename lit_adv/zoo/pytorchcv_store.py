"""Models that pytorchcv publishes, and its store of their weights."""

import csv
import hashlib
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import URLError

import torch
from filelock import FileLock

from lit_adv.errors import InputError
from lit_adv.files import expanded

RELEASES: Final = "https://github.com/osmr/imgclsmob/releases/download"


@dataclass(frozen=True, kw_only=True)
class PytorchcvModel:
    """One classifier in pytorchcv's list.

    Attributes:
        name: for `get_model`.
        data: `cifar10` or `imagenet`.
        size: side length of its images in pixels.
        pixels_from_minus_one: whether its pixels run from −1 to 1 in place of the data set's normalisation.
        file_name: name of its weight file in the store; None if none is published.
        sha1: SHA-1 of that file, in hexadecimal digits.
        release: tag of the store's release that holds the file.
    """

    name: str
    data: str
    size: int
    pixels_from_minus_one: bool
    file_name: str | None
    sha1: str
    release: str


@cache
def published() -> dict[str, PytorchcvModel]:
    """Returns every ImageNet and CIFAR-10 classifier in the installed pytorchcv's list by its name, in its order.

    A star in the list's remark marks networks whose weights come from TensorFlow with pixels from −1 to 1 (AdvProp
    and EdgeTPU EfficientNets), as do the two NASNets of Cadene's collection.
    """
    from pytorchcv.models.common.model_store import get_model_metainfos_file_path

    with Path(get_model_metainfos_file_path()).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for row in rows:
        name, sha1 = row["model_name"], row["checksum"]
        data = "cifar10" if name.endswith("_cifar10") else "imagenet" if row["test_dataset"] == "in1k" else None
        if data is None:
            continue
        found[name] = PytorchcvModel(
            name=name,
            data=data,
            size=32 if data == "cifar10" else 224 if row["img_size"] == "NA" else int(row["img_size"]),
            pixels_from_minus_one=row["remark"].endswith("*") or name in ("nasnet_6a4032", "pnasnet5large"),
            file_name=None if sha1 == "NA" else f"{name}-{row['error_value']}-{sha1[:8]}.pth",
            sha1=sha1,
            release=row["repo_release_tag"],
        )
    return found


def store_folder() -> Path:
    """Returns the folder of pytorchcv's weights: `~/.torch/models`, or the one that `LIT_ADV_STORE` names.

    Raises:
        InputError: there is no such user, or no home folder.
    """
    return expanded(os.environ.get("LIT_ADV_STORE") or "~/.torch/models")


def at_hand(model: PytorchcvModel) -> bool:
    """Returns whether the store holds a file of the model's name, which a store that cannot be read does not."""
    try:
        return model.file_name is not None and (store_folder() / model.file_name).is_file()
    except PermissionError:
        return False


def fetch(model: PytorchcvModel) -> Path:
    """Returns the model's weight file; downloads it if need be, while other processes wait.

    Raises:
        InputError: none are published, the store cannot be reached, or the file is not the published one.
    """
    if model.file_name is None:
        raise InputError(f"pytorchcv publishes no weights of {model.name}; name a file of your own in the zoo's list")
    path = store_folder() / model.file_name
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.is_file():
                    _download(model, path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot write {path}: {reason}; set LIT_ADV_STORE to another folder") from error
    if (found := _sha1(path)) != model.sha1:
        raise InputError(
            f"{path} is damaged or cut short (SHA-1 {found[:8]}…, published is {model.sha1[:8]}…); "
            "delete it, and it is fetched again"
        )
    return path


def _sha1(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha1").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _download(model: PytorchcvModel, path: Path) -> None:
    url = f"{RELEASES}/{model.release}/{path.name}.zip"
    by_hand = f"fetch {url} and unpack it into {path.parent}"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        archive = Path(folder) / "download.zip"
        try:
            torch.hub.download_url_to_file(url, str(archive))
        except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(f"cannot download the weights of {model.name}: {reason}; {by_hand}") from error
        try:
            with zipfile.ZipFile(archive) as content:
                unpacked = Path(content.extract(path.name, folder))
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
            raise InputError(f"what came from {url} is not {path.name}: {error}; {by_hand}") from error
        if _sha1(unpacked) != model.sha1:
            raise InputError(f"what came from {url} is not the published {path.name}; {by_hand}")
        unpacked.replace(path)
