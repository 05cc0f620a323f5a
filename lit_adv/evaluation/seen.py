"""What judges recognize of perturbations: the answers themselves, for shares, areas and changes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.evaluation.answers import right
from lit_adv.evaluation.auc import mean_auc, pseudo_values
from lit_adv.evaluation.cross import Spread
from lit_adv.evaluation.intervals import two_way_change_interval
from lit_adv.evaluation.rules import BATCH_SIZE, Rules, judge_logits
from lit_adv.perturbations.perturbation_set import PerturbationSet


@dataclass(frozen=True)
class Seen:
    """What judges recognize of a set as it is shown to them.

    Attributes:
        right: `[judges, N]` float64, 1 where a judge gives an image's class.
        areas: `[judges]` float64, areas under ROC curves; NaN where there is but one class.
        pseudo: `[judges, N]` float64, their pseudo-values.
    """

    right: Tensor
    areas: Tensor
    pseudo: Tensor

    @classmethod
    def of(cls, shown: PerturbationSet, judges: Mapping[str, Model]) -> Self:
        """Asks judges about perturbations as they are in `shown`."""
        rules = Rules.of(shown, shown.data_set.epsilon)
        found, areas, pseudo = [], [], []
        for name, judge in judges.items():
            logits = judge_logits(judge, shown, "recognized", rules, BATCH_SIZE, name=name)
            found.append(right(shown, "recognized", rules.answer("recognized", logits)).double())
            heard = rules.heard(logits), rules.answerable, shown.wanted
            areas.append(mean_auc(*heard))
            pseudo.append(pseudo_values(*heard))
        return cls(torch.stack(found), torch.tensor(areas, dtype=torch.float64), torch.stack(pseudo))

    def judged_by(self, which: slice) -> Self:
        """Returns what some of the judges recognize."""
        return replace(self, right=self.right[which], areas=self.areas[which], pseudo=self.pseudo[which])

    @property
    def recognized(self) -> Spread:
        """Share of the perturbations that get their image's class."""
        return Spread.of(self.right, self.right.mean(1))

    @property
    def auc(self) -> Spread:
        """Area under the ROC curve."""
        return Spread.of(self.pseudo, self.areas)

    def more_than(self, other: "Seen") -> tuple[float, float, float]:
        """Returns the share recognized less that of another way, image by image, with both ends of its interval."""
        change = self.right - other.right
        return float(change.mean()), *two_way_change_interval(change)
