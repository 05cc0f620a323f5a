"""timm's classifiers, where timm is installed: `timm:NAME`, and `timm:NAME.TAG` for weights of a tag."""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any, Final

from lit_adv.errors import InputError

PREFIX: Final = "timm:"


def require_timm(what: str) -> Any:
    """Imports timm.

    Args:
        what: what needs it, for the error.

    Raises:
        InputError: it is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise InputError(f"{what} needs timm, which is not here ({error}): pip install 'lit-adv[timm]'") from error
    return timm


def settings_of(architecture: str) -> Any | None:
    """Returns timm's settings of the weights that an architecture names, or of its default ones; None without any.

    Raises:
        InputError: timm is not installed, or has no such model, or no weights of such a tag.
    """
    timm = require_timm(f"architecture {architecture}")
    whole = architecture.removeprefix(PREFIX)
    name, dot, tag = whole.partition(".")
    if not timm.is_model(name):
        near = get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "lit-adv zoo --library timm lists the names"
        raise InputError(f"timm has no model {name!r}; {hint}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{name}.*")]
    if dot and tag not in tags:
        raise InputError(f"timm has no weights {tag!r} of {name}; there are {', '.join(tags) or 'none'}")
    return timm.get_pretrained_cfg(whole) if tags else None


def timm_maker(architecture: str) -> Callable[..., Any]:
    """Returns the function that makes networks of an architecture, with random weights.

    Raises:
        InputError: timm is not installed, or has no such model, or no weights of such a tag.
    """
    settings_of(architecture)
    return partial(require_timm(architecture).create_model, architecture.removeprefix(PREFIX))
