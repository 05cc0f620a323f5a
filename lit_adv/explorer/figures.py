"""What the page says of each number of models and copies: judges' answers, their figures, reliability."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.evaluation.growth_points import MEASURES, growth_points
from lit_adv.evaluation.rules import Rules, judge_logits
from lit_adv.perturbations.outlook import Outlook
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import scalars_of

Ends = list[float | None]


def figures(found: PerturbationSet, judges: Mapping[str, Model]) -> dict[str, dict[str, Ends]]:
    """Returns each figure with its 95 % interval by `m,n`; of all images, averages and judges.

    Args:
        found: a set with growth.
        judges: by name; where there are none, ρ is the only figure.
    """
    kept = found.kept
    assert kept is not None
    if judges:
        return {
            f"{point.m},{point.n}": {
                **{measure: [_known(value) for value in point.measured[measure]] for measure in MEASURES},
                "rho": [_known(point.rho)],
            }
            for point in growth_points(found, judges)
        }
    scalars = scalars_of(found)
    outlook = None if scalars is None else Outlook.of(scalars)
    return {f"{m},{n}": {"rho": [None if outlook is None else _known(outlook.rho(m, n))]} for m, n in kept.sizes()}


def answers(
    found: PerturbationSet, index: Tensor, averages: Mapping[tuple[int, int], Tensor], judges: Mapping[str, Model]
) -> dict[str, list[list[int]]]:
    """Returns the classes `[judges][images]` that judges see in the pictures of the page, by `m,n`.

    Args:
        found: a set with growth.
        index: positions of the images on the page.
        averages: their `first_averages`.
        judges: by name.
    """
    if not judges:
        return {}
    part, rules, said = found.subset(index), Rules.of(found, found.data_set.epsilon), {}
    for (m, n), average in averages.items():
        shown = replace(part, perturbation=average)
        said[f"{m},{n}"] = [
            rules.answer("recognized", judge_logits(judge, shown, "recognized", rules, name=name)).tolist()
            for name, judge in judges.items()
        ]
    return said


def described(found: PerturbationSet) -> dict[str, Any]:
    """Returns what the page says of the run as a whole."""
    manifest = found.manifest
    return {
        "name": found.name,
        "attack": manifest.attack.name,
        "setting": manifest.setting,
        "weight": manifest.weight,
        "sigma": manifest.sigma,
        "targeted": found.target is not None,
        "epsilon": found.data_set.epsilon,
        "images": len(found.label),
    }


def _known(value: float) -> float | None:
    return round(value, 4) if isfinite(value) else None
