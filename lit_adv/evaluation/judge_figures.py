"""What one judge made of a perturbation set, as `evaluation.json` keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, Self

import numpy as np
import torch
from torch import Tensor

Measure = Literal["recognized", "clean", "noise", "attack", "attack_l2"]
MEASURES: Final[Mapping[Measure, str]] = {
    "recognized": "perturbation recognized",
    "clean": "accuracy: clean",
    "noise": "random noise",
    "attack": "under attack",
    "attack_l2": "under attack, equal L2",
}
"""Pictures that judges see and the headings of the shares that they are right about, in the order shown.

`recognized`: perturbations that get the label of their image or, if targeted, the target; `clean`: images that get
their label; `noise`: images with ±ε at random; `attack`: images after Eq. 4.3; `attack_l2`: images after changes of the
same L2 norm that are proportional to δ.
"""
ShareName = Literal["recognized", "prior_off", "clean", "noise", "attack", "attack_l2"]
SHARES: Final[Mapping[ShareName, str]] = {
    "recognized": MEASURES["recognized"],
    "prior_off": "prior off",
    "clean": MEASURES["clean"],
    "noise": MEASURES["noise"],
    "attack": MEASURES["attack"],
    "attack_l2": MEASURES["attack_l2"],
}
"""Shares of an evaluation: `MEASURES`, and `prior_off`: recognized where a judge's favourite answers are taken off."""


@dataclass(frozen=True, kw_only=True)
class Area:
    """The mean over classes of the area under the ROC curve of the class's logit, see `lit_adv.evaluation.auc`.

    Attributes:
        value: in [0, 1]; chance is 0.5.
        low: lower end of its 95 % interval.
        high: upper end.
        p: of the same or a larger area where labels are permuted; None if unknown.
    """

    value: float
    low: float
    high: float
    p: float | None = None

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]{p_in_words(self.p)}"


@dataclass(frozen=True, kw_only=True)
class JudgeFigures:
    """Shares of the images, in [0, 1], that one judge answers right.

    Attributes:
        checksum: of the judge's weights; empty in files that do not have it.
        white_box: whether the judge is also a source model of what it judged.
        cross: whether it is one of the models that judge each other, see `lit_adv.evaluation.shown`.
        without: number of source models, the judge among them, that were left out of the average that it judged.
        clean: accuracy on the images.
        noise: accuracy on images with ±ε at random in every pixel.
        attack: accuracy on x + ε·sign(δ) (Eq. 4.3).
        attack_l2: accuracy on x + r·δ/‖δ‖₂ of the same L2 norm; None if unknown.
        recognized: share of the perturbations that get their image's label, or the target.
        prior_off: that share where the mean of each class's logit is taken off; None if unknown.
        auc: how well its logits tell classes apart; None if unknown, or if there is but one class.
        commonest: share of the perturbations that get the judge's most frequent answer; None if unknown.
        right: by name of the share, which images are right, see `packed`; None if unknown.
    """

    checksum: str = ""
    white_box: bool
    cross: bool = False
    without: int = 0
    clean: float
    noise: float
    attack: float
    attack_l2: float | None = None
    recognized: float
    prior_off: float | None = None
    auc: Area | None = None
    commonest: float | None = None
    right: Mapping[str, str] | None = None

    def share(self, name: ShareName) -> float | None:
        """Returns the share of this name; None if it is unknown, as some are in files of older versions."""
        value: float | None = getattr(self, name)
        return value

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Returns the figures that JSON values stand for; keys of newer files are left out.

        Raises:
            KeyError, TypeError: a key is missing or holds another kind of value.
        """
        known = known_fields(cls, content)
        return cls(**known | ({"auc": Area(**known_fields(Area, known["auc"]))} if known.get("auc") else {}))


def known_fields(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns those JSON values that a data class has fields for."""
    return {field.name: content[field.name] for field in fields(kind) if field.name in content}


def packed(right: Tensor) -> str:
    """Returns which images `[N]` bool are right as hexadecimal digits, eight images in two, the first one highest."""
    return np.packbits(right.cpu().numpy()).tobytes().hex()


def unpacked(digits: str, images: int) -> Tensor:
    """Returns which of N images are right, `[N]` bool; the inverse of `packed`."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=images)
    return torch.from_numpy(bits.astype(bool))


def p_in_words(p: float | None) -> str:
    """Returns a p-value for a table, after a space, itself without a place to break; nothing if it is unknown."""
    return "" if p is None else f" (p\u00a0=\u00a0{p:.2g})"
