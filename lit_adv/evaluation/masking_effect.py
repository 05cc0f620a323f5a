"""Strength of the object's part of a perturbation, and of the background's (thesis 4.8.4, Figures 4.8 to 4.10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.evaluation.judge import judge_says
from lit_adv.evaluation.masks import BACKGROUND, OBJECT, dilated
from lit_adv.evaluation.strength import adversarial_example

PARTS = {"contour": OBJECT, "background": BACKGROUND}


@dataclass(frozen=True)
class Point:
    """One point of a curve.

    Attributes:
        x: the share of the images that is perturbed (mean over the images), or ε.
        accuracy: of each judge.
    """

    x: float
    accuracy: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over the judges."""
        return sum(self.accuracy) / len(self.accuracy)


@dataclass(frozen=True)
class Masked:
    """Images with perturbations and masks, and who judges them.

    Attributes:
        image: `[N, C, H, W]`.
        perturbation: `[N, C, H, W]`.
        label: `[N]`.
        mask: `[N, H, W]` int8, see `lit_adv.evaluation.masks`.
        judges: models.
        batch_size: images at a time.
        names: the judges', for messages; may be empty.
    """

    image: Tensor
    perturbation: Tensor
    label: Tensor
    mask: Tensor
    judges: Sequence[Model]
    batch_size: int = 50
    names: Sequence[str] = ()

    def part(self, name: str) -> Tensor:
        """Region `contour` or `background`, `[N, H, W]` bool; ignored pixels are in neither."""
        return self.mask == PARTS[name]

    def attacked(self, region: Tensor, epsilon: float) -> tuple[float, ...]:
        """Accuracy of each judge when only a region `[N, H, W]` bool is perturbed, by ε·sign(δ) (Eq. 4.3).

        Raises:
            InputError: some of a judge's logits are NaN or infinite.
        """
        return shares(self.right(region, epsilon, torch.arange(len(self.image))))

    def right(self, region: Tensor, epsilon: float, which: Tensor) -> Tensor:
        """Returns whether judges are right, `[judges, B]` bool, about the images at positions `which` `[B]`.

        The arguments and errors are those of `attacked`.
        """
        right = torch.zeros(len(self.judges), len(which), dtype=torch.bool)
        names = self.names or [""] * len(self.judges)
        for places in torch.arange(len(which)).split(self.batch_size):
            rows = which[places]
            image = self.image[rows]
            whole = adversarial_example(image, self.perturbation[rows], epsilon)
            perturbed = torch.where(region[rows, None], whole, image)
            for place, (name, judge) in enumerate(zip(names, self.judges, strict=True)):
                with torch.no_grad():
                    logits = judge_says(judge, perturbed, name, rows.tolist())
                right[place, places] = logits.argmax(1) == self.label[rows]
        return right


def shares(right: Tensor) -> tuple[float, ...]:
    """Returns the share of each row of `[judges, N]` bool that is true."""
    return tuple(int(row.sum()) / len(row) for row in right)


def area_ratio(mask: Tensor) -> float:
    """Ratio of the pixels of all objects to the pixels of all backgrounds; mask `[N, H, W]`."""
    return int((mask == OBJECT).sum()) / int((mask == BACKGROUND).sum())


def by_area(masked: Masked, part: str, epsilon: float, points: int = 20) -> list[Point]:
    """Returns Figure 4.8: accuracy against the perturbed share of the image, as a part shrinks or grows.

    Args:
        masked: what is judged.
        part: `contour` or `background`.
        epsilon: ε.
        points: about how many, their shares as evenly spread as whole dilations allow; nothing, the part as it
            is, and all are among them.
    """
    start = masked.part(part)
    allowed = masked.mask >= 0
    areas = {0: float((start & allowed).float().mean())}
    for sign in (-1, 1):
        before = start
        for step in count(1):
            region = dilated(start, sign * step)
            if torch.equal(region, before):
                break
            areas[sign * step] = float((region & allowed).float().mean())
            before = region
    first, last = min(areas), max(areas)
    spacing = (areas[last] - areas[first]) / max(points - 1, 1)
    wanted = [areas[first] + place * spacing for place in range(1, points - 1)]
    nearest = {min(areas, key=lambda step: abs(areas[step] - share)) for share in wanted}
    kept = sorted({first, 0, last} | {step for step in nearest if abs(areas[step] - areas[0]) >= spacing / 2})
    curve, right = [], torch.empty(len(masked.judges), len(start), dtype=torch.bool)
    judged: Tensor | None = None  # judges are asked about an image again only where its region has changed
    for step in kept:
        region = dilated(start, step) & allowed
        changed = torch.ones(len(start), dtype=torch.bool) if judged is None else (region != judged).any(2).any(1)
        which = changed.nonzero()[:, 0]
        right[:, which] = masked.right(region, epsilon, which)
        curve.append(Point(areas[step], shares(right)))
        judged = region
    return curve


def derivative(curve: Sequence[Point]) -> list[Point]:
    """Returns Figure 4.9: accuracy lost for each further percent of the image that is perturbed, between points."""
    return [
        Point((a.x + b.x) / 2, tuple((p - q) / (b.x - a.x) for p, q in zip(a.accuracy, b.accuracy, strict=True)))
        for a, b in pairwise(curve)
        if b.x > a.x
    ]


def by_epsilon(masked: Masked, part: str, epsilons: Sequence[float]) -> list[Point]:
    """Returns Figure 4.10: accuracy against ε, in pixel values of [0, 1]."""
    return [Point(epsilon, masked.attacked(masked.part(part), epsilon)) for epsilon in epsilons]
