"""Influence of source models on an average: how well each agrees with the average of all others.

The sums G_k of K groups of models, most telling of one model each, give for every image the cosine of G_k with Σ_{l≠k}
G_l, the average without the group. A model that was trained on other labels, or does not see what the others see, has a
low one. z tells how far a group's cosine is from the median of all groups, in units of their spread: the modified
z-score 0.6745·(x − median)/MAD (Iglewicz & Hoaglin, How to Detect and Handle Outliers, 1993). Their bound of −3.5 is
for one value: here a group stands out below what the lowest z of an ordinary set passes seldom.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from lit_adv.perturbations.reliability import scalars_of
from lit_adv.perturbations.variance_shares import Floats, Scalars
from lit_adv.terminal import counted

if TYPE_CHECKING:
    from lit_adv.perturbations.perturbation_set import PerturbationSet

FEWEST: Final = 10
"""Smallest number of groups of which one can be told to stand out: of fewer the spread is hardly known."""
FEWEST_IMAGES: Final = 5
"""Smallest number of images of a class that is looked at by itself."""
FALSE_ALARMS: Final = 0.025
"""Share of ordinary sets in which a group stands out by all images, and again in which one does by a class."""
DRAWS: Final = 20_000
"""Ordinary sets that are simulated for the bound."""
MOST: Final = 200
"""Groups of a simulated set at most: the bound hardly depends on more."""
MAD_OF_NORMAL: Final = 0.6745
"""Median absolute deviation of the standard normal distribution."""
NAMED: Final = 5
"""Most groups that are named in words."""


@dataclass(frozen=True, kw_only=True)
class Influence:
    """Influence of one group of source models, of one model as a rule.

    Attributes:
        models: their names.
        cosine: of the group's average with that of all others, the mean over the images.
        z: modified z-score of the cosine among the groups.
        label: the class of whose images the cosine is lowest by its z-score, of those with five images or more; −1 if
            there is none.
        label_z: that z-score.
        stands_out: whether z is below `bound` for one class, or `label_z` below that for the number of classes.
    """

    models: tuple[str, ...]
    cosine: float
    z: float
    label: int
    label_z: float
    stands_out: bool

    @property
    def name(self) -> str:
        """The model's name; of several the first, and the number of others."""
        first, *others = self.models
        return f"{first} (with {counted(len(others), 'other', 'others')})" if others else first

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Returns the influence that JSON values stand for.

        Raises:
            KeyError, TypeError: a key is missing or holds another kind of value.
        """
        fields = {name: content[name] for name in ("cosine", "z", "label", "label_z", "stands_out")}
        return cls(models=tuple(content["models"]), **fields)


def influences(found: "PerturbationSet") -> tuple[Influence, ...]:
    """Returns the influence of each group of a set's source models; none where it keeps fewer than ten groups.

    Args:
        found: the set.
    """
    scalars = scalars_of(found) if len(found.groups) >= FEWEST else None
    if scalars is None:
        return ()
    cosines, label = cosines_with_rest(scalars), found.label.cpu().numpy()
    if not np.isfinite(cosines).any(0).all():
        return ()
    known = np.isfinite(cosines)
    classes = [int(c) for c in np.unique(label) if (known[label == c].sum(0) >= FEWEST_IMAGES).all()]
    whole, z = _mean(cosines), z_scores(_mean(cosines))
    by_class = np.stack([z_scores(_mean(cosines[label == c])) for c in classes]) if classes else z[None]
    lowest = by_class.argmin(0)
    groups = len(scalars.models)
    rare, rare_in_class = bound(groups), bound(groups, len(by_class))
    return tuple(
        Influence(
            models=tuple(found.manifest.sources[place].name for place in group),
            cosine=round(float(whole[k]), 5),
            z=round(float(z[k]), 3),
            label=classes[lowest[k]] if classes else -1,
            label_z=round(float(by_class[lowest[k], k]), 3),
            stands_out=bool(z[k] < rare or by_class[lowest[k], k] < rare_in_class),
        )
        for k, group in enumerate(scalars.models)
    )


def cosines_with_rest(scalars: Scalars) -> Floats:
    """Returns the cosine of each group's sum with the sum of all others, `[N, K]`; NaN where one of them is 0.

    With T = Σ G_k: ⟨G_k, T − G_k⟩ = ⟨G_k, T⟩ − ‖G_k‖² and ‖T − G_k‖² = ‖T‖² − 2⟨G_k, T⟩ + ‖G_k‖².

    Args:
        scalars: of the set.
    """
    norms, with_total = scalars.norms, scalars.with_total
    rest = with_total.sum(1, keepdims=True) - 2 * with_total + norms
    there = (norms > 0) & (rest > 1e-12 * norms)
    length = np.sqrt(np.where(there, norms * rest, 1))
    return np.where(there, np.clip((with_total - norms) / length, -1, 1), np.nan)


def z_scores(values: Floats) -> Floats:
    """Returns the modified z-scores of values `[K]`; 0 for all where more than half are equal.

    Args:
        values: one for each group.
    """
    away = values - np.median(values)
    spread = float(np.median(np.abs(away)))
    return MAD_OF_NORMAL * away / spread if spread > 0 else np.zeros_like(away)


def bound(groups: int, classes: int = 1) -> float:
    """Returns the z that the lowest of `groups` ordinary groups passes in 2.5 % of sets, whatever the class.

    Cosines of ordinary groups are taken for normal. Of few groups the spread is hardly known, and z has heavy tails:
    −4.7 for ten groups, −3.7 for sixty; with ten classes (Bonferroni's bound) −8.2 and −4.6.

    Args:
        groups: number of groups.
        classes: number of classes of which the lowest z is taken.
    """
    return float(np.quantile(_lowest(min(groups, MOST)), FALSE_ALARMS / classes))


@cache
def _lowest(groups: int) -> Floats:
    """The lowest z of each simulated set `[DRAWS]` of so many ordinary groups."""
    draws = np.random.default_rng(0).standard_normal((DRAWS, groups), dtype=np.float32)
    away = draws - np.median(draws, 1, keepdims=True)
    lowest: Floats = MAD_OF_NORMAL * away.min(1) / np.median(np.abs(away), 1)
    return lowest


def in_words(found: Sequence[Influence], names: Sequence[str]) -> list[str]:
    """Says which groups stand out, of all images or of a class.

    Args:
        found: influences of all groups.
        names: of the classes.
    """
    if not found:
        return []
    single = all(len(one.models) == 1 for one in found)
    cosines = [one.cosine for one in found]
    kind = counted(len(found), "source model", "source models")
    kind = kind if single else f"{len(found)} groups of source models"
    lines = [
        f"Influence: {kind}, each with the average of the others: cosines {min(cosines):.3f} to {max(cosines):.3f}, "
        f"median {float(np.median(cosines)):.3f}."
    ]
    outside = sorted((one for one in found if one.stands_out), key=lambda one: min(one.z, one.label_z))
    for one in outside[:NAMED]:
        of_class = f", lowest for {names[one.label]} (z {one.label_z:.1f})" if one.label >= 0 else ""
        lines.append(f"{one.name} stands out: cosine {one.cosine:.3f}, z {one.z:.1f}{of_class}.")
    if len(outside) > NAMED:
        lines.append(f"{len(outside) - NAMED} more stand out; all are in evaluation.json.")
    if not outside:
        lines.append("None stands out.")
    return [line.replace("z -", "z −") for line in lines]


def _mean(cosines: Floats) -> Floats:
    """Mean over images `[N, K]` → `[K]`, without those of which it is not known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found: Floats = np.nanmean(cosines, 0)
    return found
