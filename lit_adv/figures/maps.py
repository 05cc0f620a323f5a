"""Maps of where models agree, where each has its own, and where perturbations are noise."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.figures.gallery import MOST_COLUMNS, Gallery, cell_of, picture_grid, picture_rows
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.replicas import check_whole
from lit_adv.perturbations.share_maps import share_maps, smooth

NAMES: Final = ("S: all models", "A: one model", "E: one copy")
WITHOUT_COPIES: Final = ("S: all models", "A + E: one model or copy")
EXPLANATION: Final = (
    "S, A and E say where in the image the part of the perturbations stands that all models agree on, that each model "
    "has for itself, and that is noise of single copies. They are smoothed over a 28th of the picture's side; each "
    "picture is as bright as its own largest value, and the shares of the three are beside their names."
)


def maps(found: PerturbationSet, *, per_class: int = 1, columns: int = MOST_COLUMNS) -> Gallery:
    """Draws images, their perturbations, and maps of S, A and E: what all models, one model, and one copy cause.

    Args:
        found: a set that keeps groups of source models, as `average` and `predict` make it.
        per_class: number of images of each class, or all that a class has.
        columns: pictures side by side; longer rows continue below.

    Returns:
        A matplotlib figure; `.savefig(path)` writes it.

    Raises:
        InputError: the set keeps no groups, or a number is below 1.

    Example:
        >>> import lit_adv, torch
        >>> images, labels = lit_adv.digits(per_class=1)
        >>> models = [torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval() for _ in range(3)]
        >>> found = lit_adv.average(models, images, labels, lit_adv.BIM(epsilon=0.2, steps=2), copies=2, sigma=0.2)
        >>> len(lit_adv.maps(found).axes)
        50
    """
    check_whole("per_class", per_class, 1)
    check_whole("columns", columns, 1)
    index = torch.cat([(found.label == c).nonzero()[:per_class, 0] for c in found.label.unique()])
    rows = [*picture_rows([found], index), *map_rows(found, index)]
    return picture_grid(rows, min(columns, len(index)), cell_of(rows))


def map_rows(found: PerturbationSet, index: Tensor) -> list[tuple[str, Tensor]]:
    """Returns rows for a gallery: name with share, and maps `[n, 1, H, W]` in [0, 1], of the images at `index` `[n]`.

    Two rows from one copy, for which A and E cannot be told apart. Images are taken one at a time.

    Raises:
        InputError: the set keeps no groups, or no image is chosen.
    """
    if not len(index):
        raise InputError("maps need an image at least")
    parts: list[Sequence[Tensor]] = []
    for image in index.tolist():
        made = share_maps(found.grouped(slice(image, image + 1)))
        parts.append([made.common, made.model, *([] if made.copy is None else [made.copy])])
    names = NAMES if len(parts[0]) == len(NAMES) else WITHOUT_COPIES
    joined = [torch.cat(part) for part in zip(*parts, strict=True)]
    there = torch.stack([part.flatten(1).any(1) for part in joined]).any(0).sum().clamp_min(1)
    shares = [float(part.sum() / there) for part in joined]
    return [(f"{name} {share:.0%}", _shown(part)) for name, share, part in zip(names, shares, joined, strict=True)]


def rows_with_maps(sets: Sequence[PerturbationSet], index: Tensor) -> list[tuple[str, Tensor]]:
    """Returns rows for a gallery: the images, then each set that keeps groups, and its maps."""
    rows = picture_rows(sets[:1], index)[:1]
    for one in sets:
        if one.groups:
            rows += [picture_rows([one], index)[1], *map_rows(one, index)]
    return rows


def _shown(part: Tensor) -> Tensor:
    """Adds up the channels, smooths, and scales each picture to [0, 1]; values below 0 are black."""
    found = smooth(part).clamp_min(0)
    largest = found.amax((1, 2, 3), keepdim=True)
    return torch.where(largest > 0, found / torch.where(largest > 0, largest, 1), 0).float()
