"""Labels that begin at another number than the models' outputs, as the answers of judges show them."""

from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor

LEAST_SHARE: Final = 1 / 3
"""Least share of the images that get the neighbour of their label."""
TIMES: Final = 10
"""The label itself is given to fewer images, by this factor at least."""
LEAST_CLASSES: Final = 4
"""Least number of classes whose images get the neighbour of their label; a few may just look like their neighbours."""


def off_by_one(answers: Sequence[Tensor], labels: Tensor) -> tuple[Literal[-1, 1], float, float] | None:
    """Finds out whether judges agree with the labels' neighbours, and not with the labels.

    Args:
        answers: classes `[N]` that each judge gives the images themselves.
        labels: of the images, `[N]`.

    Returns:
        What is to be added to the labels, the share of answers that are then right, and the share that are right as the
        labels are; None if the labels are not off by one.
    """
    if not answers:
        return None
    given = torch.stack(list(answers))
    right = float((given == labels).double().mean())
    shifts: tuple[Literal[-1, 1], ...] = (-1, 1)
    for shift in shifts:
        agreeing = given == labels + shift
        share = float(agreeing.double().mean())
        classes = len(labels[agreeing.any(0)].unique())
        if share >= LEAST_SHARE and share >= TIMES * right and classes >= LEAST_CLASSES:
            return shift, share, right
    return None


def off_by_one_in_words(answers: Sequence[Tensor], labels: Tensor) -> str | None:
    """Returns a line for the user where labels are off by one; arguments as those of `off_by_one`."""
    found = off_by_one(answers, labels)
    if found is None:
        return None
    shift, share, right = found
    sign, first = ("−", 1) if shift < 0 else ("+", 0)
    return (
        f"labels seem to be off by one: judges give label {sign} 1 to {100 * share:.0f} % of the images, the label to "
        f"{100 * right:.0f} %; make the set again with labels {'less' if shift < 0 else 'more'} by 1, or "
        f"--data.first_label {first} where they are read from a file"
    )
