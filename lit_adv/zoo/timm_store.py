"""timm's weights, in the cache of the Hugging Face hub."""

from pathlib import Path
from typing import Final

from torch import nn

from lit_adv.errors import InputError
from lit_adv.models.timm_models import PREFIX, require_timm, settings_of
from lit_adv.zoo.weights import read_weights

FILE: Final = "model.safetensors"
"""Name of the weights in a repository of the hub."""


def repository(architecture: str) -> str | None:
    """Returns the hub's repository of the weights that an architecture names; None if there are none without pickle."""
    settings = settings_of(architecture)
    return None if settings is None else settings.hf_hub_id


def cached(repository: str) -> Path | None:
    """Returns a repository's weight file in the hub's cache; None if it is not there."""
    from huggingface_hub import try_to_load_from_cache

    name, revision = _split(repository)
    found = try_to_load_from_cache(name, FILE, revision=revision)
    return Path(found) if isinstance(found, str) else None


def fetch(architecture: str) -> Path:
    """Returns the weight file; the hub's own client downloads it if need be.

    Raises:
        InputError: it cannot be reached.
    """
    from huggingface_hub import hf_hub_download

    published = str(repository(architecture))
    name, revision = _split(published)
    try:
        return cached(published) or Path(hf_hub_download(name, FILE, revision=revision))
    except Exception as error:  # the hub's client raises types of its own, of its libraries and of Python
        where = f"https://huggingface.co/{name}/resolve/{revision or 'main'}/{FILE}"
        raise InputError(
            f"cannot download the weights of {architecture}: {error}; fetch {where} and name the file under weights"
        ) from error


def load(architecture: str, path: Path) -> nn.Module:
    """Builds a network with the hub's weights, as timm itself fits them to it.

    Args:
        architecture: the network's.
        path: of the weights.

    Raises:
        InputError: they are damaged, or do not fit.
    """
    tensors = read_weights(path)
    timm = require_timm(architecture)
    try:
        network: nn.Module = timm.create_model(
            architecture.removeprefix(PREFIX), pretrained=True, pretrained_cfg_overlay={"state_dict": tensors}
        )
    except (RuntimeError, KeyError) as error:
        raise InputError(f"{path} does not fit {architecture}: {error}") from error
    return network


def _split(repository: str) -> tuple[str, str | None]:
    name, _, revision = repository.partition("@")
    return name, revision or None
