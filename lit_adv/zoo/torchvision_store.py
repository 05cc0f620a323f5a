"""torchvision's weights, in torch hub's folder."""

import re
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from filelock import FileLock

from lit_adv.errors import InputError
from lit_adv.files import sha256
from lit_adv.models.torchvision_models import weights_of


def checksum_of(weights: Any) -> str:
    """Returns the first digits of the weight file's SHA-256, which its name carries, as `sha256:…`."""
    digits = re.findall(r"-([0-9a-f]{8,})\.", weights.url)
    return f"sha256:{digits[-1]}"


def stored(architecture: str) -> Path:
    """Returns where torch hub's folder has, or would have, the weights that an architecture names."""
    weights: Any = weights_of(architecture)
    return Path(torch.hub.get_dir(), "checkpoints", weights.url.rpartition("/")[2])


def fetch(architecture: str) -> Path:
    """Returns the weight file; downloads it if need be, while other processes wait.

    Raises:
        InputError: it cannot be reached or written, or is not the published one.
    """
    path, weights = stored(architecture), weights_of(architecture)
    assert weights is not None
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.is_file():
                    _download(architecture, weights, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}; set TORCH_HOME to another folder") from error
    if not f"sha256:{(found := sha256(path))}".startswith(checksum_of(weights)):
        raise InputError(
            f"{path} is damaged or cut short (SHA-256 {found[:8]}…, published is {checksum_of(weights)[7:]}…); "
            "delete it, and it is fetched again"
        )
    return path


def _download(architecture: str, weights: Any, path: Path) -> None:
    by_hand = f"fetch {weights.url} and put it into {path.parent}"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        file = Path(folder) / path.name
        try:
            torch.hub.download_url_to_file(weights.url, str(file))
        except (URLError, HTTPException, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", None) or error
            raise InputError(f"cannot download the weights of {architecture}: {reason}; {by_hand}") from error
        if not f"sha256:{sha256(file)}".startswith(checksum_of(weights)):
            raise InputError(f"what came from {weights.url} is not the published {path.name}; {by_hand}")
        file.replace(path)
