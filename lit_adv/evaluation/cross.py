"""What many judges say together: the mean, its interval where judges and images are samples, and the range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Self

import torch
from torch import Tensor

from lit_adv.evaluation.answers import Answers
from lit_adv.evaluation.auc import permutation_p
from lit_adv.evaluation.intervals import two_way_interval
from lit_adv.evaluation.judge_figures import SHARES, ShareName, known_fields, p_in_words


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure of many judges.

    Attributes:
        value: the mean over the judges.
        low: lower end of the 95 % interval of the mean over all such judges and images.
        high: upper end.
        lowest: the figure of the judge with the lowest.
        highest: that of the judge with the highest.
    """

    value: float
    low: float
    high: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Tensor, by_judge: Tensor) -> Self:
        """Returns the figure.

        Args:
            values: `[judges, images]`, whether each judge is right about each image, or its pseudo-values.
            by_judge: `[judges]`, the figure of each.
        """
        mean = float(by_judge.double().mean())
        low, high = two_way_interval(values.double(), mean)
        return cls(value=mean, low=low, high=high, lowest=float(by_judge.min()), highest=float(by_judge.max()))

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.0f}, {100 * self.high:.0f}], {self.range_in_words}"

    @property
    def range_in_words(self) -> str:
        """The lowest and the highest judge, in percent."""
        return f"{100 * self.lowest:.0f}\u00a0to\u00a0{100 * self.highest:.0f}"


@dataclass(frozen=True, kw_only=True)
class Cross:
    """What the models say together that judge each other, each shown an average that it did not help to make.

    Attributes:
        judges: their number.
        without: how many of them were shown an average without their own group; the others were never attacked.
        recognized: see `JudgeFigures`.
        prior_off: likewise.
        clean: likewise.
        noise: likewise.
        attack: likewise.
        attack_l2: likewise.
        auc: area under the ROC curve; None where there is but one class.
        p: of the mean area where labels are permuted; None where there is but one class.
    """

    judges: int
    without: int
    recognized: Spread
    prior_off: Spread
    clean: Spread
    noise: Spread
    attack: Spread
    attack_l2: Spread
    auc: Spread | None = None
    p: float | None = None

    def share(self, name: ShareName) -> Spread:
        """Returns the share of this name."""
        found: Spread = getattr(self, name)
        return found

    @property
    def area_in_words(self) -> str:
        """The area for a table: mean, interval, range and p-value; empty where there is none."""
        if self.auc is None:
            return ""
        auc = self.auc
        range_ = f"{auc.lowest:.2f}\u00a0to\u00a0{auc.highest:.2f}"
        return f"{auc.value:.2f} [{auc.low:.2f}, {auc.high:.2f}], {range_}{p_in_words(self.p)}"

    @classmethod
    def of(cls, answers: Sequence[Answers]) -> "Cross":
        """Returns what judges say together, at least one."""
        spreads = {
            name: Spread.of(torch.stack(right), torch.stack([one.double().mean() for one in right]))
            for name in SHARES
            for right in [[one.right[name] for one in answers]]
        }
        areas = [one.auc for one in answers]
        auc, p = None, None
        if not any(isnan(area) for area in areas):
            auc = Spread.of(
                torch.stack([one.pseudo_values for one in answers]), torch.tensor(areas, dtype=torch.float64)
            )
            first = answers[0]
            p = permutation_p([one.logits for one in answers], first.classes, first.wanted)
        without = sum(one.without > 0 for one in answers)
        return cls(judges=len(answers), without=without, **spreads, auc=auc, p=p)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Returns the summary that JSON values stand for; keys of newer files are left out.

        Raises:
            KeyError, TypeError: a key is missing or holds another kind of value.
        """
        known = known_fields(cls, content)
        spreads = {
            name: Spread(**known_fields(Spread, known[name]))
            for name in (*SHARES, "auc")
            if known.get(name) is not None
        }
        return cls(**known | spreads)
