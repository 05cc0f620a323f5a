"""Weights that libraries publish, each in its own store."""

from pathlib import Path

from lit_adv.models import timm_models, torchvision_models
from lit_adv.zoo import timm_store, torchvision_store
from lit_adv.zoo.pytorchcv_store import at_hand, fetch, published


def fetch_published(architecture: str) -> Path:
    """Returns the file of the weights that a library publishes of an architecture; downloads it if need be.

    Raises:
        InputError: it cannot be reached or written, or is not the published one.
    """
    if architecture.startswith(torchvision_models.PREFIX):
        return torchvision_store.fetch(architecture)
    if architecture.startswith(timm_models.PREFIX):
        return timm_store.fetch(architecture)
    return fetch(published()[architecture])


def published_at_hand(architecture: str) -> bool:
    """Tells whether these weights are on this machine, without looking into the file."""
    if architecture.startswith(torchvision_models.PREFIX):
        return torchvision_store.stored(architecture).is_file()
    if architecture.startswith(timm_models.PREFIX):
        return timm_store.cached(str(timm_store.repository(architecture))) is not None
    return at_hand(published()[architecture])
