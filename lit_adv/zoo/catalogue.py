"""Models of the libraries, as `lit-adv zoo` lists them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lit_adv.data_sets import DATA_SETS
from lit_adv.models import timm_models, torchvision_models
from lit_adv.zoo.published import published_at_hand
from lit_adv.zoo.timm_store import cached

Library = Literal["pytorchcv", "torchvision", "timm"]


@dataclass(frozen=True, kw_only=True)
class CatalogModel:
    """One model of a library.

    Attributes:
        name: the architecture, as zoo files name it.
        data: `cifar10` or `imagenet`.
        parameters: number of parameters; None where the library does not tell.
        gmac: 10⁹ multiply-accumulates of one forward pass on one image; None where the library does not tell.
        size: side length of its images in pixels.
        weights: `at hand`, `published` (they can be downloaded) or `none`.
    """

    name: str
    data: str
    parameters: int | None
    gmac: float | None
    size: int
    weights: Literal["at hand", "published", "none"]


def torchvision_models_listed() -> Iterator[CatalogModel]:
    """Yields torchvision's classifiers, one for each version of their weights; its own counts."""
    for name in torchvision_models.names():
        for version, weights in torchvision_models.versions(name).items():
            architecture = f"{torchvision_models.PREFIX}{name}@{version}"
            yield CatalogModel(
                name=architecture,
                data="imagenet",
                parameters=weights.meta["num_params"],
                gmac=weights.meta["_ops"],
                size=weights.transforms().crop_size[0],
                weights="at hand" if published_at_hand(architecture) else "published",
            )


def timm_models_listed() -> Iterator[CatalogModel]:
    """Yields timm's networks of ImageNet's 1000 classes, one for each tag of their weights on the hub.

    Raises:
        InputError: timm is not installed.
    """
    timm = timm_models.require_timm("--library timm")
    for name in timm.list_pretrained():
        settings = timm.get_pretrained_cfg(name)
        if settings.num_classes == DATA_SETS["imagenet"].classes and settings.hf_hub_id:
            yield CatalogModel(
                name=f"{timm_models.PREFIX}{name}",
                data="imagenet",
                parameters=None,
                gmac=None,
                size=settings.input_size[-1],
                weights="published" if cached(settings.hf_hub_id) is None else "at hand",
            )
