"""What judges said about a perturbation set, and the figures of one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isnan

import numpy as np
from torch import Tensor

from lit_adv.evaluation.auc import mean_auc, permutation_p, prior_off, pseudo_values
from lit_adv.evaluation.intervals import two_way_interval
from lit_adv.evaluation.judge_figures import Area, JudgeFigures, Measure, ShareName, packed
from lit_adv.perturbations.perturbation_set import PerturbationSet


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What one judge said about a set of N images.

    Attributes:
        checksum: of the judge's weights; empty if unknown.
        white_box: whether it is a source model of what it judged.
        cross: whether it is one of the models that judge each other.
        without: number of source models left out of the average that it judged.
        classes: `[k]`, those that may be answered to perturbations.
        wanted: `[N]`, the class that it should see in each perturbation.
        label: `[N]`, the classes of the images.
        given: classes `[N]` that it saw, by measure.
        logits: `[N, k]`, for the perturbations alone.
    """

    checksum: str = ""
    white_box: bool
    cross: bool
    without: int = 0
    classes: Tensor
    wanted: Tensor
    label: Tensor
    given: Mapping[Measure, Tensor]
    logits: Tensor

    @cached_property
    def right(self) -> dict[ShareName, Tensor]:
        """Which images `[N]` bool it is right about, by share."""
        found: dict[ShareName, Tensor] = {
            measure: answers == (self.wanted if measure == "recognized" else self.label)
            for measure, answers in self.given.items()
        }
        found["prior_off"] = self.classes[prior_off(self.logits).argmax(1)] == self.wanted
        return found

    @cached_property
    def auc(self) -> float:
        """See `mean_auc`."""
        return mean_auc(self.logits, self.classes, self.wanted)

    @cached_property
    def pseudo_values(self) -> Tensor:
        """See `lit_adv.evaluation.auc.pseudo_values`."""
        return pseudo_values(self.logits, self.classes, self.wanted)

    @property
    def figures(self) -> JudgeFigures:
        """Its figures; the p-value is left out for one of many judges, which have one together."""
        shares = {name: share(right) for name, right in self.right.items()}
        area = None
        if not isnan(self.auc):
            low, high = two_way_interval(self.pseudo_values[None], self.auc)
            p = None if self.cross else permutation_p([self.logits], self.classes, self.wanted)
            area = Area(value=self.auc, low=low, high=high, p=p)
        return JudgeFigures(
            checksum=self.checksum,
            white_box=self.white_box,
            cross=self.cross,
            without=self.without,
            **shares,
            auc=area,
            commonest=commonest(self.given["recognized"]),
            right={name: packed(right) for name, right in self.right.items()},
        )


def right(perturbations: PerturbationSet, measure: Measure, answers: Tensor) -> Tensor:
    """Returns which answers `[N]` are right, `[N]` bool: the label, or the target of a perturbation that has one."""
    return answers == (perturbations.wanted if measure == "recognized" else perturbations.label)


def share(of: Tensor) -> float:
    """Returns the share of `[N]` bool that is true, rounded to float32 as in every evaluation so far."""
    return _ratio(int(of.sum()), len(of))


def commonest(answers: Tensor) -> float:
    """Returns the share of answers `[N]` that are the most frequent one, rounded to float32."""
    return _ratio(int(answers.unique(return_counts=True)[1].max()), len(answers))


def _ratio(part: int, whole: int) -> float:
    return float(np.float32(part) / np.float32(whole))
