"""What libraries know of their models: input size, normalisation, and the weights that they publish."""

from dataclasses import dataclass
from typing import Final

from lit_adv.data_sets import DATA_SETS
from lit_adv.models import timm_models, torchvision_models
from lit_adv.zoo import timm_store, torchvision_store
from lit_adv.zoo.pytorchcv_store import published

FROM_MINUS_ONE: Final = (0.5, 0.5, 0.5)
"""Mean and standard deviation that take pixels from [0, 1] to [−1, 1]."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a library knows of one of its models.

    Attributes:
        library: its name.
        data: the data set that it is for, `cifar10` or `imagenet`; other classes in words.
        classes: number of classes.
        size: side length of its input in pixels.
        mean: mean of each channel, subtracted from pixels in [0, 1].
        std: standard deviation of each channel, by which the rest is divided.
        checksum: of the weights that the library publishes, see `ModelSpec`; None if there are none.
    """

    library: str
    data: str
    classes: int
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    checksum: str | None


def known(architecture: str) -> Known | None:
    """Returns what its library knows of an architecture; None if it is in no library's list.

    Raises:
        InputError: it is torchvision's or timm's by its prefix, but not in that list, or timm is not installed.
    """
    if architecture.startswith(torchvision_models.PREFIX):
        return _torchvision(architecture)
    if architecture.startswith(timm_models.PREFIX):
        return _timm(architecture)
    model = published().get(architecture)
    if model is None:
        return None
    data = DATA_SETS[model.data]
    scale = (FROM_MINUS_ONE, FROM_MINUS_ONE) if model.pixels_from_minus_one else (data.input_mean, data.input_std)
    return Known(
        library="pytorchcv",
        data=model.data,
        classes=data.classes,
        size=model.size,
        mean=scale[0],
        std=scale[1],
        checksum=None if model.file_name is None else f"sha1:{model.sha1}",
    )


def _torchvision(architecture: str) -> Known | None:
    weights = torchvision_models.weights_of(architecture)
    if weights is None:
        return None
    transforms = weights.transforms()
    return Known(
        library="torchvision",
        data="imagenet",
        classes=len(weights.meta["categories"]),
        size=transforms.crop_size[0],
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        checksum=torchvision_store.checksum_of(weights) if "@" in architecture else None,
    )


def _timm(architecture: str) -> Known | None:
    settings = timm_models.settings_of(architecture)
    if settings is None:
        return None
    repository = timm_store.repository(architecture)
    imagenet = settings.num_classes == DATA_SETS["imagenet"].classes
    return Known(
        library="timm",
        data="imagenet" if imagenet else f"{settings.num_classes} classes",
        classes=settings.num_classes,
        size=settings.input_size[-1],
        mean=tuple(settings.mean),
        std=tuple(settings.std),
        checksum=None if repository is None else f"hub:{repository}",
    )
