"""Ways of showing perturbations: the thesis's (4.6.6), and others that may say more to the eye. None uses the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import as_shown
from lit_adv.perturbations.share_maps import agreement
from lit_adv.perturbations.spectra import blur_width, blurred

WAYS: Final = ("thesis", "percentiles", "agreement", "luminance", "blur", "best")
"""Names of the ways; `best` takes all steps."""
LUMINANCE: Final = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue (Rec. ITU-R BT.709)."""
PERCENTILES: Final = (0.01, 0.99)
"""Shares of a picture's values that become black, and that do not become white."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """Steps between δ and its picture, in the order in which they are taken; the thesis's way has none of them.

    Attributes:
        agreement: each pixel is weighted by how far the models agree there, see `share_maps.agreement`.
        luminance: colours become grey, see `LUMINANCE`.
        blur: standard deviation of a Gaussian in pixels; 0 for none.
        percentiles: values are cut off at the picture's `PERCENTILES`, which are black and white.
    """

    agreement: bool = False
    luminance: bool = False
    blur: float = 0.0
    percentiles: bool = False

    def __str__(self) -> str:
        """Names the steps."""
        blur = f"blur {self.blur:.2g} px"
        named = {
            "agreement": self.agreement,
            "luminance": self.luminance,
            blur: self.blur,
            "percentiles": self.percentiles,
        }
        return ", ".join(name for name, there in named.items() if there) or "thesis"


def ways(found: PerturbationSet, names: Sequence[str] | None = None) -> dict[str, Way]:
    """Returns ways of showing a set, by name.

    Args:
        found: the set, from whose groups of source models the blur's width follows (`lit_adv.perturbations.spectra`),
            that of `best` from the spectra of luminance. Without groups `best` takes no `agreement`.
        names: some of `WAYS`; None for all that the set can be shown in.

    Raises:
        InputError: a name is another, or it is `agreement` and the set keeps no groups.
    """
    if names is None:
        names = [name for name in WAYS if name != "agreement" or found.groups]
    for name in names:
        if name not in WAYS:
            raise InputError(f"there is no way of showing {name!r}; choose from {', '.join(WAYS)}")
        if name == "agreement" and not found.groups:
            raise InputError(f"{found.name} keeps no groups of source models, which agreement follows from")
    return {name: _way(found, name) for name in names}


def titled(name: str, way: Way) -> str:
    """Returns a way's heading: its steps, after the name of `best`."""
    return f"{name}: {way}" if name == "best" else str(way)


def altered(found: PerturbationSet, index: Tensor, way: Way) -> Tensor:
    """Takes a way's steps with a set's perturbations, an image at a time.

    Args:
        found: the set.
        index: positions `[n]` of images.
        way: which steps.

    Returns:
        δ after them `[n, C, H, W]`; grey in C equal channels.
    """
    return torch.cat([found.perturbation[:0], *(_altered(found, image, way) for image in index.tolist())])


def picture(found: PerturbationSet, index: Tensor, way: Way) -> Tensor:
    """Renders a set's perturbations at positions `index` `[n]` in a way: `[n, C, H, W]`, or one channel of luminance.

    Untargeted, −δ has the mean and standard deviation of the data set, or of its luminance; with percentiles these are
    0 and 1. Targeted, δ is grey where it is 0. Not clipped.
    """
    delta, data, targeted = altered(found, index, way), found.data_set, found.target is not None
    mean, std = data.mean, data.std
    if way.luminance:
        weights = luminance_weights(delta.shape[1])
        delta = delta[:, :1]
        mean, std = (((weights * torch.tensor(values)).sum().item(),) for values in (mean, std))
    if not way.percentiles or targeted:
        return as_shown(delta, mean, std, targeted)
    low, high = (-delta).amin((1, 2, 3), keepdim=True), (-delta).amax((1, 2, 3), keepdim=True)
    return torch.where(high > low, (-delta - low) / torch.where(high > low, high - low, 1), 0.5)


def luminance_weights(channels: int) -> Tensor:
    """Returns the weight `[C]` of each channel; equal ones where there are not three."""
    return torch.tensor(LUMINANCE if channels == len(LUMINANCE) else (1 / channels,) * channels)


def _way(found: PerturbationSet, name: str) -> Way:
    weights = luminance_weights(found.image.shape[1])
    match name:
        case "blur":
            return Way(blur=blur_width(found))
        case "best":
            blur = blur_width(found, weights)
            return Way(agreement=bool(found.groups), luminance=True, blur=blur, percentiles=True)
    return Way(agreement=name == "agreement", luminance=name == "luminance", percentiles=name == "percentiles")


def _altered(found: PerturbationSet, image: int, way: Way) -> Tensor:
    delta = found.perturbation[image : image + 1]
    if way.agreement:
        delta = delta * agreement(found.grouped(slice(image, image + 1))).to(delta)
    if way.luminance:
        weights = luminance_weights(delta.shape[1]).to(delta).view(1, -1, 1, 1)
        delta = (delta * weights).sum(1, keepdim=True).expand_as(delta)
    if way.blur:
        delta = blurred(delta, way.blur)
    if way.percentiles:
        low, high = delta.flatten().quantile(delta.new_tensor(PERCENTILES))
        delta = delta.clamp(low, high)
    return delta
