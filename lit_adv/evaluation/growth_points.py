"""What test models make of averages over fewer models or copies, and how reliable these are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.errors import InputError
from lit_adv.evaluation.answers import right
from lit_adv.evaluation.intervals import two_way_change_interval, two_way_interval
from lit_adv.evaluation.rules import BATCH_SIZE, Rules, judge_logits
from lit_adv.evaluation.seen import Seen
from lit_adv.perturbations.outlook import Outlook
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import scalars_of
from lit_adv.perturbations.variance_shares import shares

MEASURES: Final = ("recognized", "accuracy", "auc")
Ends = tuple[float, float, float]


@dataclass(frozen=True)
class GrowthPoint:
    """Measures of averages over m models and n copies.

    Attributes:
        m: models.
        n: copies.
        groups: number of groups of m models.
        rho: expected cosine of two such averages; NaN where the set does not tell.
        measured: mean and both ends of the 95 % interval of each of `MEASURES`; NaN for the area of a single class.
        to_all: likewise, the change from here to the average over all models and copies, image by image.
    """

    m: int
    n: int
    groups: int
    rho: float
    measured: Mapping[str, Ends]
    to_all: Mapping[str, Ends]


class Sample(NamedTuple):
    """One measure of several averages, means over the judges.

    Attributes:
        values: `[averages, N]` float64, of each image; of an area its pseudo-values.
        figures: `[averages]` float64, the measure of each average.
    """

    values: Tensor
    figures: Tensor

    def with_interval(self) -> Ends:
        """Returns the mean with both ends of its interval, averages and images being samples."""
        mean = float(self.figures.mean())
        return mean, *two_way_interval(self.values, mean)

    def change_to(self, whole: "Sample") -> Ends:
        """Returns what one average over everything has more, likewise."""
        if whole is self:
            return 0.0, 0.0, 0.0
        mean = float(whole.figures.mean() - self.figures.mean())
        return mean, *two_way_change_interval(whole.values - self.values, mean)


def growth_points(perturbations: PerturbationSet, judges: Mapping[str, Model]) -> list[GrowthPoint]:
    """Returns the points of a set, for every (m, n) of its growth; the last is of all models and copies.

    Args:
        perturbations: the set.
        judges: by name, none of them among its sources.

    Raises:
        InputError: the set keeps no growth.
    """
    kept = perturbations.kept
    if kept is None or not kept.cells.growth:
        raise InputError(f"{perturbations.name} was made without --growth; make it again with it")
    outlook = _outlook(perturbations)
    samples = {}
    for m, n in kept.sizes():
        if averages := kept.averages(m, n):
            found = [_judged(replace(perturbations, perturbation=average), judges) for average in averages]
            samples[m, n] = {
                key: Sample(torch.stack([one[key][0] for one in found]), torch.stack([one[key][1] for one in found]))
                for key in MEASURES
            }
    *_, whole = samples.values()
    return [
        GrowthPoint(
            m,
            n,
            len(sample["recognized"].values),
            float("nan") if outlook is None else outlook.rho(m, n),
            {key: one.with_interval() for key, one in sample.items()},
            {key: one.change_to(whole[key]) for key, one in sample.items()},
        )
        for (m, n), sample in samples.items()
    ]


def _outlook(perturbations: PerturbationSet) -> Outlook | None:
    scalars = scalars_of(perturbations)
    return None if scalars is None or np.isnan(shares(scalars).common).all() else Outlook.of(scalars)


def _judged(perturbations: PerturbationSet, judges: Mapping[str, Model]) -> dict[str, tuple[Tensor, Tensor]]:
    """Returns values `[N]` and figure of each of `MEASURES`, means over the judges."""
    seen, rules = Seen.of(perturbations, judges), Rules.of(perturbations, perturbations.data_set.epsilon)
    attacked = [
        rules.answer("attack", judge_logits(judge, perturbations, "attack", rules, BATCH_SIZE, name=name))
        for name, judge in judges.items()
    ]
    accurate = torch.stack([right(perturbations, "attack", answers) for answers in attacked]).double().mean(0)
    recognized = seen.right.mean(0)
    return {
        "recognized": (recognized, recognized.mean()),
        "accuracy": (accurate, accurate.mean()),
        "auc": (seen.pseudo.mean(0), seen.areas.mean()),
    }
