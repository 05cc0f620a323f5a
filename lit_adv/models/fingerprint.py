"""A checksum of a model that is in memory: of its weights, its structure, and the code and settings of functions."""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from itertools import chain
from types import CodeType
from typing import Any, Final, Protocol

import torch
from torch import Tensor, nn

from lit_adv.errors import InputError
from lit_adv.logits import modules_of, parts_of

PLAIN: Final = (bool, int, float, complex, str, bytes, type(None))
"""Types of values that are hashed as they are written."""

OF_EVERY_MODULE: Final = frozenset(vars(nn.Module()))
"""Names of the attributes that torch gives to modules."""


class Digest(Protocol):
    """A hash of `hashlib`."""

    def update(self, data: Any, /) -> None:
        """Adds bytes."""


def fingerprint(model: object) -> str:
    """Returns the SHA-256 of all that is known of a model: modules, their tensors and settings, code of functions.

    Two models that differ in something that Python does not show, such as the state of an extension, may share it.

    Raises:
        InputError: a module has parameters that are not made yet.
    """
    digest = hashlib.sha256()
    for part in parts_of(model):
        digest.update(f"{type(part).__module__}.{type(part).__qualname__}\n".encode())
        if inspect.isfunction(part):
            _add_code(digest, part.__code__)
            digest.update(_written([part.__defaults__, part.__kwdefaults__]).encode())
        elif not isinstance(part, nn.Module):
            digest.update(_written(part if isinstance(part, PLAIN) else getattr(part, "__dict__", None)).encode())
            if isinstance(part, Tensor):
                _add_tensor(digest, "", part)
    for module in modules_of(model):
        digest.update(repr(module).encode())
        for name, inner in module.named_modules():
            digest.update(f"{name} {_written(_settings(inner))}\n".encode())
        add_tensors(digest, module)
    return f"sha256:{digest.hexdigest()}"


def add_tensors(digest: Digest, network: nn.Module) -> None:
    """Adds names, types, shapes and bytes of a network's parameters and buffers to a hash.

    Raises:
        InputError: some are not made yet.
    """
    for name, tensor in sorted(chain(network.named_parameters(), network.named_buffers())):
        if nn.parameter.is_lazy(tensor):
            raise InputError(f"{type(network).__name__} has parameters that are not made yet ({name}); run it once")
        _add_tensor(digest, name, tensor)


def _add_tensor(digest: Digest, name: str, tensor: Tensor) -> None:
    digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
    digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)


def _add_code(digest: Digest, code: CodeType) -> None:
    digest.update(code.co_code)
    digest.update(repr(code.co_names).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _add_code(digest, constant)
        else:
            digest.update(repr(constant).encode())


def _settings(module: nn.Module) -> dict[str, Any]:
    """Returns a module's own attributes, without what torch keeps in every one."""
    return {name: value for name, value in vars(module).items() if name not in OF_EVERY_MODULE}


def _written(value: object) -> str:
    """Writes plain values, also in containers; of others their type only, for their words may hold addresses."""
    return "".join(_words(value))


def _words(value: object) -> Iterator[str]:
    if isinstance(value, (*PLAIN, torch.dtype, torch.device)):
        yield f"{value!r},"
    elif isinstance(value, (list, tuple)):
        yield "["
        for item in value:
            yield from _words(item)
        yield "]"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{key!r}:"
            yield from _words(item)
    elif isinstance(value, Tensor):
        digest = hashlib.sha256()
        _add_tensor(digest, "", value)
        yield digest.hexdigest()
    else:
        yield f"{type(value).__qualname__},"
