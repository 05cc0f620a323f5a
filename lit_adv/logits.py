"""The logits in what a model gives, and models that are not ready to give them."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CellType, ModuleType
from typing import Final

import torch
from torch import Tensor, nn

from lit_adv.errors import InputError

NAMED_MODULES: Final = 3
"""Largest number of modules that an error names."""

DEEPEST: Final = 3
"""Steps from a callable to the modules that are looked for."""
LONGEST: Final = 1000
"""Longest list or dictionary in which modules are looked for."""
KNOWN: Final = frozenset({"torch", "torchvision", "numpy", "builtins", "lit_adv"})
"""Packages whose functions hold no modules of the caller's."""


class BrokenModel(InputError):
    """Logits or gradients that no attack can use.

    Attributes:
        what: description of the fault.
        rows: rows of the batch concerned; empty if all are.
    """

    def __init__(self, what: str, rows: list[int]) -> None:
        super().__init__(f"the model gives {what}" + (f" for rows {first_few(rows)} of the batch" if rows else ""))
        self.what = what
        self.rows = rows


def first_few(things: Sequence[object], most: int = 8) -> str:
    """Writes the first of some numbers or names, at most `most`, and how many more there are."""
    return ", ".join(map(str, things[:most])) + (f" and {len(things) - most} more" if len(things) > most else "")


def broken_rows(values: Tensor) -> list[int]:
    """Returns the positions along the first dimension of `[B, …]` that hold a NaN or infinite value."""
    if values.sum().isfinite():  # one pass over memory, and enough nearly always
        return []
    found: list[int] = (~values.isfinite()).flatten(1).any(1).nonzero()[:, 0].tolist()
    return found


def call(model: Callable[[Tensor], object], images: Tensor) -> object:
    """Runs a model on a copy of images `[B, C, H, W]`: some models work in place on their input.

    Raises:
        InputError: its weights are of another device or type than the images.
    """
    try:
        return model(images.clone())
    except RuntimeError as error:
        if reason := mismatch(model, images):
            raise InputError(reason) from error
        raise


def logits_of(output: object, images: int) -> Tensor:
    """Returns the logits `[images, K]` in what a model gave for a batch.

    Args:
        output: the logits, an object with an attribute `logits` (as transformers and torchvision's Inception give), or
            a mapping with a key `logits`.
        images: number of images in the batch.

    Raises:
        BrokenModel: there are no such logits, or they are no floating-point numbers of this shape.
    """
    logits = output
    if isinstance(output, Mapping):
        logits = output.get("logits")
    elif not isinstance(output, Tensor):
        logits = getattr(output, "logits", None)
    if not isinstance(logits, Tensor):
        raise BrokenModel(f"{_described(output)}, want logits [{images}, K] as a tensor{_advice(output)}", [])
    if logits.ndim != 2 or len(logits) != images:
        raise BrokenModel(f"logits of shape {list(logits.shape)}, want [{images}, K] for {images} images", [])
    if not logits.is_floating_point():
        raise BrokenModel(f"logits of {short(logits.dtype)}, want floating-point numbers", [])
    return logits


def refuse_training(model: object, name: str = "the model") -> None:
    """Refuses a model that is, or holds, a module in training mode.

    Args:
        model: module, or a function whose modules are found where it keeps them: bound, partial, or by its variables.
        name: start of the error's message.

    Raises:
        InputError: a module is in training mode, where dropout draws at random and batch normalisation sees the batch
            and changes its running statistics.
    """
    training = [
        f"{path or 'itself'} ({type(module).__name__})"
        for found in modules_of(model)
        if "eval" not in vars(found)  # torch.export's modules stay as they were exported, and have an eval of theirs
        for path, module in found.named_modules()
        if module.training
    ]
    if training:
        raise InputError(f"{name} is in training mode: {first_few(training, NAMED_MODULES)}; call .eval() on it first")


def modules_of(model: object) -> Iterator[nn.Module]:
    """Yields the modules that a callable is, is bound to, holds, or refers to by its variables."""
    return (part for part in parts_of(model) if isinstance(part, nn.Module))


def parts_of(model: object) -> Iterator[object]:
    """Yields a callable and what it is made of: what it is bound to, holds, or refers to by its variables.

    Functions of the standard library and of packages that hold no models are not looked into.
    """
    seen: set[int] = set()
    todo: list[tuple[object, int]] = [(model, 0)]
    while todo:
        part, depth = todo.pop(0)
        if id(part) in seen or isinstance(part, (type, ModuleType)):
            continue
        seen.add(id(part))
        yield part
        if not isinstance(part, nn.Module) and depth < DEEPEST:
            todo += [(inner, depth + 1) for inner in _inside(part)]


def _inside(part: object) -> list[object]:
    """Returns what one part refers to itself."""
    if isinstance(part, functools.partial):
        return [part.func, *part.args, *part.keywords.values()]
    if inspect.ismethod(part):
        return [part.__self__, part.__func__]
    if inspect.isfunction(part):
        if part.__module__ and part.__module__.partition(".")[0] in KNOWN:
            return []
        held = [cell.cell_contents for cell in part.__closure__ or () if cell != CellType()]
        named = [part.__globals__[name] for name in part.__code__.co_names if name in part.__globals__]
        return [*held, *named, *(part.__defaults__ or ()), *(part.__kwdefaults__ or {}).values()]
    if isinstance(part, (list, tuple, set, frozenset)):
        return list(part) if len(part) <= LONGEST else []
    if isinstance(part, Mapping):
        return list(part.values()) if len(part) <= LONGEST else []
    return list(getattr(part, "__dict__", {}).values())


def _described(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor {list(output.shape)}"
    kind = f"a {type(output).__name__}"
    if isinstance(output, Mapping):
        return f"{kind} of {', '.join(map(str, output)) or 'nothing'}"
    if isinstance(output, (tuple, list)):
        return f"{kind} of {', '.join(map(_described, output)) or 'nothing'}"
    return kind


def _advice(output: object) -> str:
    if type(output).__module__ == "numpy":
        return "; give torch.from_numpy of it"
    if isinstance(output, (tuple, list, Mapping)):
        return "; wrap the model in a function that takes them out, such as lambda x: model(x)[0]"
    return ""


def refuse_autocast(device: torch.device) -> None:
    """Refuses autocast, which would change a model's precision unseen.

    Raises:
        InputError: it is on for this kind of device.
    """
    if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
        raise InputError(
            "autocast is on, which would change the model's precision unseen; leave it, and give model and images the "
            "precision that is wanted"
        )


def mismatch(model: object, images: Tensor) -> str:
    """Describes why the weights of a model's modules do not suit the images; empty if they do.

    They are on another device, of another type, or were made in inference mode, which forbids gradients.

    Args:
        model: see `refuse_training`.
        images: `[B, C, H, W]`.
    """
    for found in modules_of(model):
        for weight in found.parameters():
            if weight.is_inference():
                return "the model was made in inference mode, which forbids gradients; make it outside"
            if weight.device != images.device:
                return f"the images are on {images.device}, the model on {weight.device}; move one of them"
            if weight.is_floating_point() and weight.dtype != images.dtype:
                return (
                    f"the images are {short(images.dtype)}, the model's weights {short(weight.dtype)}; make them alike"
                )
    return ""


def short(dtype: torch.dtype) -> str:
    """Writes a type without `torch.`."""
    return str(dtype).removeprefix("torch.")
