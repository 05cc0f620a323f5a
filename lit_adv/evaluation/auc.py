"""Whether a judge's logits tell the classes of perturbations apart, whatever its favourite answer.

A judge that answers "bird" to everything is right for birds alone, and its logits may still be right about everything:
the logit of each class may be larger on the perturbations of that class than on the others. The area under the ROC
curve of that logit is the probability that it is (Mann and Whitney 1947), one half by chance.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

PERMUTATIONS: Final = 9_999
"""Number of permutations of the labels behind a p-value."""
AT_ONCE: Final = 2**22
"""Number of labels that are permuted at a time."""
ROUNDING: Final = 1e-9
"""Largest difference of two statistics that are equal but for rounding."""

Array = NDArray[np.float64]


def mean_auc(logits: Tensor, classes: Tensor, wanted: Tensor) -> float:
    """Returns the area under the ROC curve of each class's logit, the mean over the classes.

    For one class: the share of pairs (perturbation of the class, perturbation of another) in which the first has the
    larger logit; ties count one half. A constant that is added to a class's logit on all perturbations changes nothing.

    Args:
        logits: `[N, K]`, of the classes that may be answered.
        classes: `[K]`, the class of each column.
        wanted: `[N]`, the class that a judge should see in each perturbation.

    Returns:
        In [0, 1], chance is 0.5; NaN if no class has both perturbations of its own and others.

    Example:
        >>> logits = torch.tensor([[0.1, 9.0], [0.3, 9.5]])  # the second class is the answer to both
        >>> mean_auc(logits, torch.tensor([3, 8]), torch.tensor([3, 8]))
        0.5
    """
    found = [
        (ranks[own].sum() - own.sum() * (own.sum() + 1) / 2) / (own.sum() * (~own).sum())
        for ranks, own in _classes(logits, classes, wanted)
    ]
    return float(np.mean(found)) if found else float("nan")


def pseudo_values(logits: Tensor, classes: Tensor, wanted: Tensor) -> Tensor:
    """Returns the jackknife's pseudo-values of `mean_auc`, one for each image: N·θ − (N − 1)·θ without the image.

    Their mean estimates θ, and their variance over N is the variance of θ where images are a sample (Tukey 1958; DeLong
    et al. 1988 for one area). An image that is the only one of its class takes the class with it.

    Args:
        logits: as those of `mean_auc`.
        classes: likewise.
        wanted: likewise.

    Returns:
        `[N]` float64; NaN for images without which no class has both perturbations of its own and others.
    """
    count = len(wanted)
    total, number = np.zeros(count), np.zeros(count)
    for ranks, own in _classes(logits, classes, wanted):
        ones, others = int(own.sum()), int((~own).sum())
        above = np.empty(count)  # pairs that an image wins, or, one of another class, loses
        above[own] = ranks[own] - rankdata(ranks[own])
        above[~own] = ones - (ranks[~own] - rankdata(ranks[~own]))
        won = above[own].sum()
        if ones > 1:
            total[own] += (won - above[own]) / ((ones - 1) * others)
            number[own] += 1
        if others > 1:
            total[~own] += (won - above[~own]) / (ones * (others - 1))
            number[~own] += 1
    without = np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
    return torch.from_numpy(count * mean_auc(logits, classes, wanted) - (count - 1) * without)


def permutation_p(
    logits: Sequence[Tensor], classes: Tensor, wanted: Tensor, permutations: int = PERMUTATIONS, seed: int = 0
) -> float:
    """Returns the p-value of the mean over judges of `mean_auc`, the labels being permuted over the images.

    One-sided, (1 + number of permutations with a mean as large) / (1 + permutations); so it is never 0 (Phipson and
    Smyth 2010). It says whether there is a signal in these perturbations, for these judges.

    Args:
        logits: of each judge, `[N, K]`.
        classes: `[K]`, the class of each column.
        wanted: `[N]`, the class that a judge should see in each perturbation.
        permutations: their number.
        seed: of the permutations.

    Returns:
        In (0, 1]; NaN if no class has both perturbations of its own and others.
    """
    images = len(wanted)
    names = [c for c in classes.tolist() if 0 < int((wanted == c).sum()) < images]
    if not names:
        return float("nan")
    weights = np.zeros((images, len(names)))
    for one in logits:
        for column, weight in enumerate(_weights(one, classes, wanted)):
            weights[:, column] += weight
    place = np.array([names.index(c) for c in wanted.tolist()])
    rows = np.arange(images) * len(names)
    flat = weights.ravel()
    least = flat[rows + place].sum() * (1 - ROUNDING)
    random = np.random.Generator(np.random.Philox(key=seed))
    at_once = max(1, AT_ONCE // images)
    as_large = 0
    for first in range(0, permutations, at_once):
        drawn = random.permuted(np.tile(place, (min(at_once, permutations - first), 1)), axis=1)
        as_large += int((flat[rows + drawn].sum(1) >= least).sum())
    return (1 + as_large) / (1 + permutations)


def prior_off(logits: Tensor) -> Tensor:
    """Returns a judge's logits `[N, K]` without its prior: less the mean over the perturbations of each class's logit.

    No label is used; where the perturbations are of equally many images of each class, a favourite answer is gone.
    """
    return logits.double() - logits.double().mean(0)


def _classes(logits: Tensor, classes: Tensor, wanted: Tensor) -> Iterator[tuple[Array, NDArray[np.bool_]]]:
    """Yields ranks `[N]` from 1 of a class's logit, ties sharing theirs, and which images `[N]` are of the class."""
    for column, c in enumerate(classes.tolist()):
        own = (wanted == c).cpu().numpy()
        if own.any() and not own.all():
            yield rankdata(logits[:, column].double().cpu().numpy()), own


def _weights(logits: Tensor, classes: Tensor, wanted: Tensor) -> Iterator[Array]:
    """Yields for each class what its label adds to the mean area where an image `[N]` has it, but for a constant."""
    for ranks, own in _classes(logits, classes, wanted):
        yield ranks / (own.sum() * (~own).sum())
