"""Networks by name, and their resizing and normalisation of pixels."""

import importlib
import traceback
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel, broken_rows, logits_of
from lit_adv.models import timm_models, torchvision_models
from lit_adv.models.own_code import in_own_words, is_own_code, own_maker
from lit_adv.models.programs import is_program, load_program
from lit_adv.models.vgg import vgg16_like

PYTORCHCV = "pytorchcv.models."
LOADING = {"pretrained", "weights", "weights_backbone", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay"}
"""Arguments by which the libraries' functions load weights, some of them from files that run code."""


def build(architecture: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Builds a network with random weights, or, of own code, with those that its function gives.

    Own code runs here: whether it is trusted is asked where a name comes from, see `own_code.refuse_untrusted`.

    Args:
        architecture: `vgg16_like`; a name of pytorchcv's `get_model`; the full path of a function of pytorchcv, such
            as `pytorchcv.models.resnet_cifar.get_resnet_cifar`; `torchvision:NAME`, also with `@VERSION` of the weights
            that it is for; `timm:NAME`, also with `.TAG`; `package.module:function` of own code; or a
            program, `torchscript:FILE` or `export:FILE`.
        arguments: keyword arguments of the function.

    Raises:
        InputError: there is no such architecture, or the arguments do not suit it.
    """
    own = is_own_code(architecture)
    if not own and (loading := LOADING & arguments.keys()):
        field = min(loading)
        raise InputError(f"architecture {architecture}: give the weights by the zoo's own field, not by `{field}`")
    maker = maker_of(architecture)
    try:
        network = maker(**arguments)
    except Exception as error:
        if not own and not isinstance(error, (TypeError, ValueError, KeyError, AssertionError, RuntimeError)):
            raise
        reason = in_own_words(error) if own else str(error) or _line_of(error)
        raise InputError(f"architecture {architecture} cannot be built with {dict(arguments)}: {reason}") from error
    if not isinstance(network, nn.Module):
        raise InputError(f"architecture {architecture} does not give a network, but a {type(network).__name__}")
    return network


def _line_of(error: Exception) -> str:
    """Returns the line that raised an error without words, such as pytorchcv's `assert (blocks - 2) % 6 == 0`."""
    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].line if frames else "") or type(error).__name__


def maker_of(architecture: str) -> Callable[..., Any]:
    """Finds the function that makes networks of an architecture.

    Raises:
        InputError: there is none; the message suggests near names.
    """
    if architecture == "vgg16_like":
        return vgg16_like
    if is_own_code(architecture):
        return own_maker(architecture)
    if is_program(architecture):
        return partial(load_program, architecture)
    if architecture.startswith(torchvision_models.PREFIX):
        return torchvision_models.torchvision_maker(architecture)
    if architecture.startswith(timm_models.PREFIX):
        return timm_models.timm_maker(architecture)
    if architecture.startswith(PYTORCHCV):
        module, _, function = architecture.rpartition(".")
        try:
            maker = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise InputError(f"pytorchcv has no {architecture.removeprefix('pytorchcv.')}: {error}") from error
        # A zoo file must not reach anything else: the functions of pytorchcv's store write files, for instance.
        if module.count(".") != 2 or not function.startswith("get_") or getattr(maker, "__module__", "") != module:
            raise InputError(f"{architecture} is none of pytorchcv's architectures (pytorchcv.models.FAMILY.get_NAME)")
        return maker  # type: ignore[no-any-return]
    makers = pytorchcv_makers()
    if architecture not in makers:
        near = get_close_matches(architecture, makers, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "lit-adv zoo lists the names"
        raise InputError(f"pytorchcv has no model {architecture!r}; {hint}")
    return makers[architecture]


def pytorchcv_makers() -> Mapping[str, Callable[..., Any]]:
    """Returns pytorchcv's private table behind `get_model`: the function that makes each network, by name."""
    from pytorchcv.model_provider import _models as makers

    return makers  # type: ignore[no-any-return]


def prepare(network: nn.Module, mean: Sequence[float], std: Sequence[float], size: int | None = None) -> nn.Module:
    """Wraps a network in `Prepared`, unless that would change nothing."""
    if size is None and not any(mean) and set(std) == {1.0}:
        return network
    return Prepared(network, mean, std, size)


class Prepared(nn.Module):
    """Network with its own size and normalisation, for pixels in [0, 1].

    Images of another size are resized bilinearly without antialiasing; the gradient flows back through this. Then
    `mean` is subtracted and the rest divided by `std`.

    Args:
        network: network from `[B, C, S, S]` to logits `[B, K]`.
        mean: mean of each channel.
        std: standard deviation of each channel.
        size: S, side length in pixels; by default images are not resized.
    """

    def __init__(
        self, network: nn.Module, mean: Sequence[float], std: Sequence[float], size: int | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.size = size
        self.mean = nn.Buffer(torch.tensor(mean).view(-1, 1, 1))
        self.std = nn.Buffer(torch.tensor(std).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        if self.size is not None:
            images = functional.interpolate(images, (self.size, self.size), mode="bilinear", align_corners=False)
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def device_of(model: nn.Module) -> torch.device:
    """Returns the device of a model's parameters or buffers; the CPU where it has none."""
    tensor = next(chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if tensor is None else tensor.device


def check_fit(model: nn.Module, image_shape: tuple[int, int, int], classes: int, name: str, images: int = 1) -> None:
    """Tries a model on black images `(C, H, W)`, by default on one.

    Raises:
        InputError: the model does not take such images, or its logits are not `[images, classes]`, or not finite.
    """
    black = torch.zeros(images, *image_shape, device=device_of(model))
    try:
        with torch.no_grad():
            logits = logits_of(model(black), images)
    except BrokenModel as error:
        raise InputError(f"{name} gives {error.what}") from error
    except Exception as error:  # own code raises what it likes
        reason = error if isinstance(error, RuntimeError) else in_own_words(error)
        raise InputError(f"{name} does not take images {list(image_shape)}: {reason}") from error
    if logits.shape[1] != classes:
        raise InputError(
            f"{name} gives {list(logits.shape)} for one image of {classes} classes; it must be [1, {classes}]"
        )
    if not logits.is_meta and broken_rows(logits):
        raise InputError(f"{name} gives NaN or infinite logits for a black image; its weights are of no use")


def count(architecture: str, arguments: Mapping[str, Any], image_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Counts parameters, and multiply-accumulates of one forward pass; the network is built without taking memory.

    Raises:
        InputError: there is no such architecture, or it does not take such images.
    """
    network = _without_memory(architecture, arguments)
    try:
        return sum(p.numel() for p in network.parameters()), macs(network, image_shape)
    except RuntimeError as error:
        raise InputError(f"architecture {architecture} does not take images {list(image_shape)}: {error}") from error


def _without_memory(architecture: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Builds a network whose tensors have no values; one that asks for values while it is built has them."""
    try:
        with torch.device("meta"):
            network = build(architecture, arguments).eval()
    except InputError:
        return build(architecture, arguments).eval()
    return network.to("meta")  # some networks make parts of themselves on the CPU


def macs(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Counts multiply-accumulates of convolutions and linear layers in one forward pass on one image `(C, H, W)`."""
    device = device_of(model)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *image_shape, device=device))
    return int(counter.get_total_flops()) // 2
