"""Whether an architecture can be trained on images."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

import torch

from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.models.build import build, check_fit
from lit_adv.models.own_code import PROGRAMS, is_own_code, refuse_untrusted


def check_architecture(
    architecture: str, arguments: Mapping[str, Any], data: DataSet, trust: Collection[str] = ()
) -> None:
    """Builds a network, without taking memory where no own code makes it, and tries it on a black image.

    Raises:
        InputError: it cannot be trained, is not trusted, is unknown, or does not fit the images; the message says what
            to give.
    """
    prefix, _, name = architecture.partition(":")
    if prefix in PROGRAMS:
        raise InputError(f"architecture {architecture} is a program with its weights; it is attacked, not trained")
    if "@" in name:
        raise InputError(
            f"architecture {architecture} names weights, and a training begins without; "
            f"give {architecture.partition('@')[0]}"
        )
    refuse_untrusted(architecture, trust, "--model.architecture")
    own = is_own_code(architecture)
    with nullcontext() if own else torch.device("meta"):
        network = build(architecture, arguments).eval()
    try:
        network = network if own else network.to("meta")
        check_fit(network, data.image_shape, data.classes, f"architecture {architecture}")
    except InputError as error:
        raise InputError(f"{error}; {_advice(prefix if name else '', own, data)}") from error


def _advice(library: str, own: bool, data: DataSet) -> str:
    """Says what to give for a network that fits the images."""
    channels, height, width = data.image_shape
    if own:
        return f"give --model.arguments for images {list(data.image_shape)} and {data.classes} classes"
    arguments = {"torchvision": {}, "timm": {"in_chans": channels}}.get(
        library, {"in_channels": channels, "in_size": f"[{height}, {width}]"}
    )
    named = [f"--model.arguments.{name} {value}" for name, value in ({"num_classes": data.classes} | arguments).items()]
    return f"it may take {' '.join(named)}"
