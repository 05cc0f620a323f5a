"""Compares the reliability that is predicted with the one that is measured, on the digits that come with the project:
python scripts/measure_reliability.py --zoo ZOO --copies 10 --attacks BIM,DeepFool --json_file reliability.json

All source models of the zoo attack the same digits. Predicted is the expected cosine of averages over two halves of
the models; measured is the mean cosine of such halves, over many random ones. A third prediction is made from few
models and copies, as a small measurement before a large run would be: the mean over disjoint groups of models, and the
least and largest of them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

import lit_adv
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.files import expanded, write_json
from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.halves import gram, measured, with_interval
from lit_adv.perturbations.outlook import Outlook
from lit_adv.perturbations.variance_shares import Scalars, shares, shares_without
from lit_adv.zoo.zoo import Zoo

ATTACKS: Final = ("BIM", "DeepFool", "Gradient", "CW")
SIDE: Final = 28


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Cosines of averages over half the models, the mean over the images, each with the ends of a 95 % interval."""

    attack: str
    models: int
    copies: int
    images: int
    predicted: tuple[float, float, float]
    measured: tuple[float, float, float]
    from_few: tuple[float, float, float]


def measure_reliability(
    zoo: Path,
    json_file: Path | None = None,
    attacks: str = ",".join(ATTACKS),
    copies: int = 5,
    sigma: float = 0.2,
    per_class: int = 2,
    steps: int = 20,
    few_models: int = 5,
    few_copies: int = 2,
    seed: int = 0,
) -> None:
    """Predicts and measures the cosine of averages over two halves of a zoo's models.

    Args:
        zoo: zoo of models for digits.
        json_file: file to which the figures are written, too.
        attacks: names of attacks, with commas between them.
        copies: noisy copies of each digit for each model.
        sigma: standard deviation of the noise.
        per_class: digits of each class.
        steps: iterations of BIM and CW.
        few_models: models of the small measurement, 3 or more.
        few_copies: its copies, 2 or more.
        seed: of the noise.
    """
    sources, names = Zoo.open(zoo).sources, attacks.split(",")
    if unknown := set(names) - set(ATTACKS):
        raise InputError(f"there is no attack {', '.join(sorted(unknown))} here; choose from {', '.join(ATTACKS)}")
    if not 3 <= few_models <= len(sources):
        raise InputError(f"few_models is {few_models}; it must be 3 to {len(sources)}, the source models of {zoo}")
    if not 2 <= few_copies <= copies:
        raise InputError(f"few_copies is {few_copies}; it must be 2 to copies, {copies}")
    if any(spec.image_shape != (1, SIDE, SIDE) for spec in sources):
        raise InputError(f"zoo {zoo} is not of grey digits of {SIDE}×{SIDE} pixels")
    images, labels = lit_adv.digits(per_class=per_class)
    table = Table("attack", "predicted", "measured", f"predicted from ({few_models}, {few_copies})")
    rows = []
    for name in names:
        options = {"epsilon": 0.2, "steps": steps} if name == "BIM" else {"steps": steps} if name == "CW" else {}
        attack = getattr(lit_adv, name)(**options)
        whole, few = (
            lit_adv.average(
                sources, images, labels, attack, copies=n, sigma=sigma, seed=seed, groups=len(sources)
            ).grouped()
            for n in (copies, few_copies)
        )
        row = compared(name, whole, few, few_models)
        rows.append(asdict(row))
        table.add_row(name, *(f"{v:.3f} [{a:.3f}, {b:.3f}]" for v, a, b in (row.predicted, row.measured, row.from_few)))
    console = Console()
    console.print(f"Averages over {len(sources) // 2} models and {copies} copies of {len(images)} digits:")
    console.print(table)
    if json_file:
        write_json(expanded(json_file), {"zoo": str(zoo), "sigma": sigma, "steps": steps, "rows": rows})


def compared(name: str, whole: GroupedSums, few: GroupedSums, few_models: int) -> Comparison:
    """Compares predictions and measurement; both sums are of the same models, a group for each."""
    scalars, half = Scalars.of(whole), len(whole.models) // 2
    sizes = np.ones(len(whole.models))
    each = shares(scalars).rho(scalars.effective(half))
    there = np.isfinite(each)
    without = shares_without(scalars).rho(scalars.effective(half)[:, None])
    predicted = with_interval(float(each[there].mean()), np.nanmean(without[there], 0), sizes)
    products = gram(whole)
    left = [np.delete(np.delete(products, k, 1), k, 2) for k in range(len(sizes))]
    found = with_interval(measured(products), np.array([measured(one, half) for one in left]), sizes)
    small = [
        Outlook.of(Scalars.of(chosen(few, range(first, first + few_models)))).rho(half, whole.copies)
        for first in range(0, len(few.models) - few_models + 1, few_models)
    ]
    return Comparison(
        attack=name, models=half, copies=whole.copies, images=int(there.sum()), predicted=predicted, measured=found,
        from_few=rounded(float(np.mean(small)), min(small), max(small)),
    )  # fmt: skip


def chosen(sums: GroupedSums, groups: Sequence[int]) -> GroupedSums:
    """The sums of some groups of one model each."""
    models = [sums.models[group][0] for group in groups]
    return GroupedSums(
        total=sums.total[list(groups)], models=tuple((place,) for place in range(len(models))),
        square_norms=sums.square_norms[models], squares=sums.squares, copies=sums.copies,
    )  # fmt: skip


def rounded(*values: float) -> tuple[float, float, float]:
    """Three values with four decimals."""
    a, b, c = (round(value, 4) for value in values)
    return a, b, c


if __name__ == "__main__":
    run_command(measure_reliability)
