"""Weights from files that a user names: safetensors, or torch's format without code."""

import pickle
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lit_adv.errors import InputError
from lit_adv.logits import first_few, short

ENDINGS = (".safetensors", ".pth", ".pt")
PARALLEL: Final = "module."
"""Start of the names that torch's `DataParallel` and `DistributedDataParallel` give."""


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
    if not isinstance(name, str) or not isinstance(tensor, Tensor):
        return False
    return tensor.layout == torch.strided and not (tensor.is_complex() or tensor.is_meta)


def put_weights(network: nn.Module, tensors: dict[str, Tensor], path: Path, architecture: str) -> None:
    """Copies tensors into a network; their names and shapes must be exactly the network's.

    Floating-point numbers must have 16 bits or more and be finite; only a network's own integers are taken from
    integers. `module.` before every name, as `DataParallel` writes it, is left out.

    Raises:
        InputError: they are not.
    """
    own = network.state_dict()
    if not any(name.startswith(PARALLEL) for name in own) and all(name.startswith(PARALLEL) for name in tensors):
        tensors = {name.removeprefix(PARALLEL): tensor for name, tensor in tensors.items()}
    for name in own.keys() & tensors.keys():
        if fault := _fault(tensors[name], own[name].dtype):
            raise InputError(f"{path} does not fit {architecture}: {name} {fault}")
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path} does not fit {architecture}: {_difference(own, tensors) or _short(error)}") from error


def _fault(tensor: Tensor, wanted: torch.dtype) -> str:
    if tensor.is_floating_point() != wanted.is_floating_point or tensor.dtype == torch.bool != wanted:
        return f"is {short(tensor.dtype)}, the network has {short(wanted)} there; quantized weights cannot be used"
    if not wanted.is_floating_point:
        return ""
    if tensor.dtype.itemsize < 2:
        return f"is {short(tensor.dtype)}; weights must have 16 bits or more"
    return "" if tensor.to(wanted).isfinite().all() else "holds NaN or infinite values; such a network is of no use"


def _difference(own: dict[str, Tensor], tensors: dict[str, Tensor]) -> str:
    """Says which names are missing or unknown, or else which shape is another."""
    missing, unknown = ([n for n in a if n not in b] for a, b in ((own, tensors), (tensors, own)))
    parts = [f"{what} {first_few(n, 3)}" for what, n in (("it lacks", missing), ("it has unknown", unknown)) if n]
    shapes = (
        f"{name} is {list(tensor.shape)}, the network's is {list(own[name].shape)}"
        for name, tensor in tensors.items()
        if name in own and tensor.shape != own[name].shape
    )
    return "; ".join(parts) or next(shapes, "")


def _short(error: Exception) -> str:
    """Puts an error on one line of at most 200 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}…"
