"""Weights from files that a user names: safetensors, or torch's format without code."""

import pickle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lit_adv.errors import InputError

ENDINGS = (".safetensors", ".pth", ".pt")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Reads the tensors of a weight file, by name.

    Raises:
        InputError: the file is missing, damaged, or holds anything but real tensors by name.
    """
    if not path.is_file():
        raise InputError(f"no weight file {path}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} holds more than tensors, or is damaged; such files can run code and are not opened: "
            "give a file of weights only"
        ) from error
    except Exception as error:  # torch.load meets damage with errors of every kind
        raise InputError(f"{path} is damaged or cut short: {_short(error)}; fetch it again") from error
    if not isinstance(tensors, dict) or not tensors or not all(map(_is_weight, tensors.items())):
        raise InputError(f"{path} is no file of real tensors by name; save the network's state_dict() by itself")
    return tensors


def _is_weight(item: tuple[object, object]) -> bool:
    name, tensor = item
    return isinstance(name, str) and isinstance(tensor, Tensor) and not (tensor.is_complex() or tensor.is_meta)


def put_weights(network: nn.Module, tensors: dict[str, Tensor], path: Path, architecture: str) -> None:
    """Copies tensors into a network; their names and shapes must be exactly the network's.

    Raises:
        InputError: they are not.
    """
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path} does not fit {architecture}: {_short(error)}") from error


def _short(error: Exception) -> str:
    """Puts an error on one line of at most 200 characters, without its heading `Error(s) in loading …`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[1:] if len(lines) > 1 and lines[0].startswith("Error(s)") else lines)
    return text if len(text) <= 200 else f"{text[:200]}…"
