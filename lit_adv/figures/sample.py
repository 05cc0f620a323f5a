"""Images that a page shows where a set has more than anyone looks at; chosen by position, so the same every time."""

from typing import Final

import torch
from torch import Tensor

from lit_adv.perturbations.perturbation_set import first_of_each_class

MOST_IMAGES: Final = 200
MOST_CLASSES: Final = 100


def spread(label: Tensor, most: int) -> Tensor:
    """Returns at most `most` positions, ascending: the classes take turns, each with its images in their order.

    Args:
        label: `[N]`.
        most: positions.
    """
    order = label.argsort(stable=True)
    sizes = label.unique(return_counts=True)[1]
    turn = torch.arange(len(label), device=label.device) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    turns = torch.empty_like(turn)
    turns[order] = turn
    return turns.argsort(stable=True)[:most].sort().values


def one_of_each(label: Tensor) -> tuple[Tensor, str]:
    """Returns the first image of each class, and a sentence where classes are left out; it is empty where none is.

    Args:
        label: `[N]`.
    """
    index = first_of_each_class(label)
    left_out = f"Of the {len(index)} classes the first {MOST_CLASSES} are shown."
    return index[:MOST_CLASSES], left_out if len(index) > MOST_CLASSES else ""
