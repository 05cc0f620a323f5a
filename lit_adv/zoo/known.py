"""What libraries know of their models: input size, normalisation, and the weights that they publish."""

from dataclasses import dataclass
from typing import Final

from lit_adv.data_sets import DATA_SETS
from lit_adv.zoo.pytorchcv_store import published

FROM_MINUS_ONE: Final = (0.5, 0.5, 0.5)
"""Mean and standard deviation that take pixels from [0, 1] to [−1, 1]."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a library knows of one of its models.

    Attributes:
        library: its name.
        data: the data set that it is for, `cifar10` or `imagenet`.
        size: side length of its input in pixels.
        mean: mean of each channel, subtracted from pixels in [0, 1].
        std: standard deviation of each channel, by which the rest is divided.
        checksum: of the weights that the library publishes; None if there are none.
    """

    library: str
    data: str
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    checksum: str | None


def known(architecture: str) -> Known | None:
    """Returns what its library knows of an architecture; None if it is in no library's list."""
    model = published().get(architecture)
    if model is None:
        return None
    data = DATA_SETS[model.data]
    scale = (FROM_MINUS_ONE, FROM_MINUS_ONE) if model.pixels_from_minus_one else (data.input_mean, data.input_std)
    return Known(
        library="pytorchcv",
        data=model.data,
        size=model.size,
        mean=scale[0],
        std=scale[1],
        checksum=None if model.file_name is None else f"sha1:{model.sha1}",
    )
