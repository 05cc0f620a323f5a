"""torchvision's classifiers: `torchvision:NAME`, and `torchvision:NAME@VERSION` for weights of a version."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache, partial
from typing import Any, Final

from lit_adv.errors import InputError

PREFIX: Final = "torchvision:"
INCEPTIONS: Final = ("googlenet", "inception_v3")
"""Models whose random weights take long, with a warning, and whose published weights want transformed pixels."""


@cache
def names() -> tuple[str, ...]:
    """Returns the names of torchvision's classifiers, without the quantized ones and those of other tasks."""
    from torchvision import models

    return tuple(models.list_models(module=models))


def versions(name: str) -> dict[str, Any]:
    """Returns the weights of ImageNet's classes that torchvision publishes of a model, by version.

    Raises:
        InputError: torchvision has no such model.
    """
    from torchvision import models

    if name not in names():
        near = get_close_matches(name, names(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "lit-adv zoo --library torchvision lists the names"
        raise InputError(f"torchvision has no classifier {name!r}; {hint}")
    return {weights.name: weights for weights in models.get_model_weights(name) if weights.meta.get("categories")}


def weights_of(architecture: str) -> Any | None:
    """Returns the weights that an architecture names, or else torchvision's default ones; None if there are none.

    Raises:
        InputError: torchvision has no such model, or no such version of its weights.
    """
    from torchvision import models

    name, at, version = architecture.removeprefix(PREFIX).partition("@")
    known = versions(name)
    if not at:
        return known.get(models.get_model_weights(name).DEFAULT.name)
    if version not in known:
        raise InputError(f"torchvision has no weights {version!r} of {name}; there are {', '.join(known)}")
    return known[version]


def torchvision_maker(architecture: str) -> Callable[..., Any]:
    """Finds the function that makes networks of an architecture, as the weights of its version need them.

    Raises:
        InputError: torchvision has no such model, or no such version of its weights.
    """
    from torchvision import models

    name, at, _ = architecture.removeprefix(PREFIX).partition("@")
    weights = weights_of(architecture)
    arguments: dict[str, Any] = {"init_weights": False} if name in INCEPTIONS else {}
    if at and weights is not None:
        if name in INCEPTIONS:
            arguments["transform_input"] = True
        if name.startswith("vit_"):
            arguments["image_size"] = weights.meta["min_size"][0]
    return partial(models.get_model_builder(name), **arguments)
