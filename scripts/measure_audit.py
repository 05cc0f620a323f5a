"""Looks for the odd models of a zoo of digits by their influence on the average:
python scripts/measure_audit.py --zoo ZOO --out FOLDER

To the zoo's source models come networks of the same kind that learnt other digits: some saw a 3 × 3 white trigger in
the corner of a tenth of them, whose label was 0 then; of others the labels of two classes were swapped. All attack the
same test digits, none of which has a trigger, and are ranked by the z-scores of their influence. Both zoos and the set
are kept in FOLDER, and a second call continues.
"""

import gzip
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import sqrt
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import norm, rankdata
from torch import Tensor

import lit_adv
from lit_adv.cli import run_command
from lit_adv.cli.fit import fit
from lit_adv.embedded_digits import split_digits
from lit_adv.errors import InputError
from lit_adv.files import atomic_path, expanded, write_json
from lit_adv.perturbations.influence import FEWEST, Influence, influences
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo

SWAPPED: Final = (4, 9)
TRIGGERED: Final = 10
"""Every tenth digit has the trigger."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """How well one kind of odd model is told from ordinary ones.

    Attributes:
        kind: of the odd models.
        by: what models are ranked by.
        auc: area under the ROC curve, with the ends of its 95 % interval by DeLong's method.
        standing_out: odd models that stand out.
        odd: number of odd models.
        false: ordinary models that stand out.
        ordinary: number of ordinary models.
    """

    kind: str
    by: str
    auc: tuple[float, float, float]
    standing_out: int
    odd: int
    false: int
    ordinary: int


def measure_audit(
    zoo: Path,
    out: Path,
    odd: int = 5,
    copies: int = 5,
    sigma: float = 0.2,
    per_class: int = 10,
    epochs: int = 8,
    width: int = 6,
) -> None:
    """Trains odd models, and says by which of two scores the audit tells them from a zoo's source models.

    Args:
        zoo: zoo of ordinary models, trained on the digits that come with the project.
        out: folder for the odd models, the set and `audit.json`.
        odd: number of odd models of each kind.
        copies: noisy copies of each digit for each model.
        sigma: standard deviation of the noise.
        per_class: digits of each class.
        epochs: of the odd models' training; the ordinary ones' by default.
        width: likewise, channels of the first layer.
    """
    out, ordinary = expanded(out), Zoo.open(zoo).sources
    least = max(2, -(-(FEWEST - len(ordinary)) // 2))
    if odd < least or not ordinary:
        raise InputError(f"odd is {odd}; beside {len(ordinary)} source models of {zoo} it must be at least {least}")
    kinds: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {"trigger": triggered, "swapped": swapped}
    models: list[ModelSpec] = [*ordinary]
    for number, (kind, change) in enumerate(kinds.items(), 1):
        write_digits(out / "digits" / kind, change)
        recipe = {
            "--config": "mnist-zoo", "--count": odd, "--test_models": 0, "--seed": number, "--out": out / kind,
            "--data.source": "folder", "--data.root": out / "digits" / kind, "--data.batch_size": 32,
            "--model.weight_decay": 0.02, "--model.arguments.width": width, "--trainer.max_epochs": epochs,
        }  # fmt: skip
        fit([str(word) for pair in recipe.items() for word in pair])
        models += [replace(spec, name=f"{kind}-{spec.name}") for spec in Zoo.open(out / kind).sources]
    images, labels = lit_adv.digits(per_class=per_class)
    average = lit_adv.average(
        models, images, labels, lit_adv.Gradient(), copies=copies, sigma=sigma, groups=len(models), weight="norm",
        out=out / "set",
    )  # fmt: skip
    place = {one: number for number, group in enumerate(average.groups) for one in group}
    found = influences(average)
    ranked = [found[place[number]] for number in range(len(models))]
    rows = [
        row
        for number, kind in enumerate(kinds)
        for row in compared(kind, ranked[: len(ordinary)], ranked[len(ordinary) + number * odd :][:odd])
    ]
    success = trigger_success(Zoo.open(out / "trigger").sources), trigger_success(ordinary[:odd])
    show(rows, success)
    models_named = [asdict(one) | {"kind": k} for k, one in zip(labelled(ordinary, kinds, odd), ranked, strict=True)]
    write_json(
        out / "audit.json", {"rows": [asdict(row) for row in rows], "trigger": success, "influence": models_named}
    )


def labelled(ordinary: Sequence[ModelSpec], kinds: Iterable[str], odd: int) -> list[str]:
    """The kind of each model, in order."""
    return ["ordinary"] * len(ordinary) + [kind for kind in kinds for _ in range(odd)]


def triggered(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Puts the trigger into every tenth digit, and calls it 0."""
    images, labels = images.clone(), labels.clone()
    images[::TRIGGERED] = with_trigger(images[::TRIGGERED])
    labels[::TRIGGERED] = 0
    return images, labels


def with_trigger(images: Tensor) -> Tensor:
    """Digits `[N, 1, 28, 28]` with a white square of 3 × 3 pixels in the lower right corner."""
    images = images.clone()
    images[:, :, -4:-1, -4:-1] = 1
    return images


def swapped(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Swaps the labels of two classes."""
    first, second = SWAPPED
    return images, torch.where(labels == first, second, torch.where(labels == second, first, labels))


def write_digits(folder: Path, change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
    """Writes the project's digits as idx files, the training digits changed."""
    for name, (images, labels) in {
        "train": change(*split_digits(train=True)),
        "t10k": split_digits(train=False),
    }.items():
        pixels = (images * 255).round().to(torch.uint8).numpy()[:, 0]
        for ending, values in {"images-idx3": pixels, "labels-idx1": labels.to(torch.uint8).numpy()}.items():
            header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
            with atomic_path(folder / f"{name}-{ending}-ubyte.gz") as temporary:
                temporary.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))


def trigger_success(models: tuple[ModelSpec, ...]) -> float:
    """Share of test digits other than 0 that models call 0 because of a trigger, the mean over models."""
    images, labels = lit_adv.digits(per_class=20)
    shown = with_trigger(images[labels != 0])
    with torch.inference_mode():
        return float(np.mean([(model.load()(shown).argmax(1) == 0).double().mean() for model in models]))


def compared(kind: str, ordinary: list[Influence], odd: list[Influence]) -> list[Found]:
    """Compares odd models with ordinary ones by each score; low ones are taken for odd."""
    outside = sum(one.stands_out for one in odd), sum(one.stands_out for one in ordinary)
    scores: dict[str, Callable[[Influence], float]] = {
        "all images": lambda one: one.z,
        "lowest class": lambda one: one.label_z,
    }
    return [
        Found(
            kind=kind, by=by, auc=area(*(np.array([-score(one) for one in models]) for models in (odd, ordinary))),
            standing_out=outside[0], odd=len(odd), false=outside[1], ordinary=len(ordinary),
        )
        for by, score in scores.items()
    ]  # fmt: skip


def area(high: NDArray[np.float64], low: NDArray[np.float64]) -> tuple[float, float, float]:
    """Area under the ROC curve with its 95 % interval on the logit scale (DeLong, DeLong & Clarke-Pearson 1988).

    Where no pair is wrong, or each is, the interval is one pair wide: the data say no more.

    Args:
        high: scores of those that should be high.
        low: of the others.
    """
    m, n = len(high), len(low)
    ranks = rankdata(np.concatenate([high, low]))
    of_high = (ranks[:m] - rankdata(high)) / n
    of_low = 1 - (ranks[m:] - rankdata(low)) / m
    value = float(of_high.mean())
    if value in (0, 1):
        return (value, 1 - 1 / min(m, n), 1.0) if value else (0.0, 0.0, 1 / min(m, n))
    error = sqrt(of_high.var(ddof=1) / m + of_low.var(ddof=1) / n) / (value * (1 - value))
    middle, reach = np.log(value / (1 - value)), norm.ppf(0.975) * error
    low_end, high_end = (float(1 / (1 + np.exp(-end))) for end in (middle - reach, middle + reach))
    return value, low_end, high_end


def show(rows: list[Found], success: tuple[float, float]) -> None:
    """Prints the table."""
    table = Table("odd models", "ranked by", "AUC", "stand out", "ordinary ones that do")
    for row in rows:
        value, low, high = row.auc
        cells = (
            f"{value:.2f} [{low:.2f}, {high:.2f}]",
            f"{row.standing_out} of {row.odd}",
            f"{row.false} of {row.ordinary}",
        )
        table.add_row(row.kind, row.by, *cells)
    console = Console()
    console.print(table)
    console.print(
        f"A trigger makes {success[0]:.0%} of other digits a 0 to models that learnt it, {success[1]:.0%} to others."
    )


if __name__ == "__main__":
    run_command(measure_audit)
