"""Sums of perturbations by groups of source models, from which judges and reliability are computed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from lit_adv.errors import InputError

AT_ONCE: Final = 2**23
"""Numbers of grouped sums that are read at a time, 64 MiB."""


@dataclass(frozen=True, kw_only=True)
class GroupedSums:
    """The sums of Eq. 4.1 for each of G groups that share no source model, over the images of a set or some of them.

    Attributes:
        total: `[G, N, C, H, W]` float64, Σδ_ij over the models of each group and all copies.
        models: positions of each group's models among the set's sources; no group is empty.
        square_norms: `[m, N]` float64, Σ_j‖δ_ij‖² of each model, over its copies.
        squares: `[N, C, H, W]` float64, Σδ_ij² over all models and copies, for each pixel.
        copies: n, noisy copies of each image for each model.
    """

    total: Tensor
    models: tuple[tuple[int, ...], ...]
    square_norms: Tensor
    squares: Tensor
    copies: int

    @property
    def of_models(self) -> Tensor:
        """Sums of the source models in their order `[m, N, C, H, W]`.

        Raises:
            InputError: a group has more than one model.
        """
        if any(len(models) > 1 for models in self.models):
            raise InputError(
                f"sums of {len(self.models)} groups of source models are not those of each: "
                "average with as many groups as models"
            )
        return self.total[sorted(range(len(self.models)), key=lambda group: self.models[group])]


def in_parts(read: Callable[[slice], GroupedSums], images: int, groups: int, pixels: int) -> Iterator[GroupedSums]:
    """Yields the sums of a few images at a time, so that memory stays bounded.

    Args:
        read: gives those of the images in a slice.
        images: number of images.
        groups: number of groups.
        pixels: C·H·W.
    """
    each = max(1, AT_ONCE // ((groups + 1) * pixels))
    for first in range(0, images, each):
        yield read(slice(first, min(first + each, images)))
