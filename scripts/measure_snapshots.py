"""Asks what snapshots of one training and networks of other architectures are worth beside independent ones:
python scripts/measure_snapshots.py --zoo ZOO --snapshots ZOO --mixed ZOO --out FOLDER

All models of three zoos of digits attack the same test digits. The average over the test models of the first zoo is the
reference; the cosine with it of averages over k sources of that zoo says what k independent networks give. Snapshots
(`lit-adv fit --model.snapshots`) are worth as many as have the same cosine. The mixed zoo's sources are compared with
as many of the first, by judges of both kinds. The sums are kept in FOLDER, and a second call continues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import lit_adv
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import two_way_change_interval
from lit_adv.evaluation.seen import Seen
from lit_adv.files import expanded, write_json
from lit_adv.perturbations.grouped_sums import in_parts
from lit_adv.perturbations.halves import gram
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo

Floats = NDArray[np.float64]
Ends = tuple[float, float, float]

SUBSETS: Final = 40
"""Random sets of k independent networks."""
DRAWS: Final = 1000


def measure_snapshots(
    zoo: Path,
    out: Path,
    snapshots: Path,
    mixed: Path,
    per_class: int = 10,
    copies: int = 10,
    sigma: float = 0.2,
    seed: int = 0,
) -> None:
    """Says what snapshots and mixed architectures are worth.

    Args:
        zoo: zoo of independent networks; its test models are the reference.
        out: folder for the sums and `snapshots.json`.
        snapshots: zoo of trainings with snapshots.
        mixed: zoo of several architectures, with test models of others.
        per_class: digits of each class.
        copies: noisy copies of each digit for each model.
        sigma: standard deviation of the noise.
        seed: of the noise, the random sets and the bootstrap.
    """
    out, opened, others = expanded(out), Zoo.open(zoo), Zoo.open(mixed)
    runs = by_run(Zoo.open(snapshots).sources)
    size = len(others.sources)
    if not opened.judges or len(opened.sources) < 2 * size or size < 2 or not others.judges:
        raise InputError(
            f"zoo {zoo} needs test models, and twice as many sources as zoo {mixed}, which needs two or more, and a "
            "test model"
        )
    kinds = {
        "reference": opened.judges, "independent": opened.sources, "mixed": others.sources,
        "snapshots": [model for run in runs for model in run],
    }  # fmt: skip
    models = [replace(spec, name=f"{kind}-{spec.name}") for kind, specs in kinds.items() for spec in specs]
    bounds = np.cumsum([len(specs) for specs in kinds.values()])[:-1]
    place = dict(zip(kinds, np.split(np.arange(len(models)), bounds), strict=True))
    images, labels = lit_adv.digits(per_class=per_class)
    whole = lit_adv.average(
        models, images, labels, lit_adv.Gradient(), copies=copies, sigma=sigma, seed=seed, groups=len(models),
        weight="norm", out=out / "set",
    )  # fmt: skip
    group = np.empty(len(models), dtype=np.int64)
    group[[one for (one,) in whole.groups]] = np.arange(len(models))
    parts = in_parts(whole.grouped, len(images), len(models), images[0].numel())
    products = np.concatenate([gram(part) for part in parts])[:, group][:, :, group]
    generator = np.random.default_rng(seed)
    everyone, reference = place["independent"], place["reference"]
    curve = {
        k: np.mean([cosine(products, chosen, reference) for chosen in sets_of(everyone, k, generator)], 0)
        for k in range(1, len(everyone) + 1)
    }
    ends = np.split(place["snapshots"], np.cumsum([len(run) for run in runs])[:-1])
    last = {k: np.stack([cosine(products, run[-k:], reference) for run in ends]) for k in range(1, len(ends[0]) + 1)}
    worths = {k: worth(curve, found, generator) for k, found in last.items()}
    worths_mixed = worth(curve, cosine(products, place["mixed"], reference)[None], generator)
    pair = judged_pair(
        whole, group, place["independent"][:size], place["mixed"],
        {"one architecture": opened.sources[size : 2 * size], "other architectures": others.judges},
    )  # fmt: skip
    show(curve, last, worths, worths_mixed, size, pair)
    write_json(
        out / "snapshots.json",
        {
            "independent": {k: round(float(found.mean()), 4) for k, found in curve.items()},
            "snapshots": {
                k: {"cosine": round(float(found.mean()), 4), "worth": worths[k]} for k, found in last.items()
            },
            "mixed": {"models": size, "worth": worths_mixed, "judged": pair},
        },
    )


def by_run(sources: Sequence[ModelSpec]) -> list[list[ModelSpec]]:
    """Returns the snapshots of each training in the order of their epochs, the finished network last.

    Raises:
        InputError: trainings have different numbers of snapshots, or none.
    """
    runs: dict[str, list[tuple[float, ModelSpec]]] = {}
    for spec in sources:
        name, _, epoch = spec.name.partition("-epoch-")
        runs.setdefault(name, []).append((float(epoch or "inf"), spec))
    if len({len(run) for run in runs.values()}) != 1 or len(next(iter(runs.values()))) < 2:
        raise InputError("the zoo of snapshots needs as many of each training; make it with --model.snapshots")
    return [[spec for _, spec in sorted(run, key=lambda one: one[0])] for run in runs.values()]


def sets_of(places: NDArray[np.int64], k: int, generator: np.random.Generator) -> list[NDArray[np.int64]]:
    """Random sets of k of the places; of all, one."""
    return [generator.permutation(places)[:k] for _ in range(1 if k == len(places) else SUBSETS)]


def cosine(products: Floats, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
    """Cosine `[N]` of the sums over two sets of models.

    Args:
        products: ⟨G_k, G_l⟩ of each image `[N, K, K]`.
        first: positions.
        second: positions.
    """
    a, b, c = (
        products[:, left][:, :, right].sum((1, 2))
        for left, right in ((first, second), (first, first), (second, second))
    )
    found: Floats = a / np.sqrt(b * c)
    return found


def worth(curve: Mapping[int, Floats], found: Floats, generator: np.random.Generator) -> Ends:
    """Number of independent networks with a cosine, with the 95 % interval from drawing images and trainings anew.

    Args:
        curve: cosines `[N]` of averages over k independent networks, by k.
        found: cosines `[trainings, N]`.
        generator: of the draws.
    """
    numbers, values = np.array([*curve]), np.stack([*curve.values()])
    trainings, images = found.shape
    draws = []
    for _ in range(DRAWS):
        rows, columns = generator.integers(trainings, size=trainings), generator.integers(images, size=images)
        draws.append(equal(numbers, values[:, columns].mean(1), float(found[rows][:, columns].mean())))
    low, high = np.percentile(draws, [2.5, 97.5])
    ends = equal(numbers, values.mean(1), float(found.mean())), float(low), float(high)
    return round(ends[0], 3), round(ends[1], 3), round(ends[2], 3)


def equal(numbers: NDArray[np.int64], cosines: Floats, value: float) -> float:
    """Number of independent networks whose average has a cosine with the reference.

    With δ_i = s + a_i, the average over k has the squared cosine C²·k/(k + b): 1/c² is a straight line in 1/k. It is
    fitted by least squares, and read at the value; infinite at C and above.
    """
    slope, level = np.polyfit(1 / numbers, 1 / cosines**2, 1)
    over = 1 / value**2 - level
    return float(slope / over) if over > 0 else float("inf")


def judged_pair(
    whole: PerturbationSet,
    group: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    judges: Mapping[str, Sequence[ModelSpec]],
) -> dict[str, dict[str, Ends]]:
    """AUC of averages over two sets of models, and how much the second has more, by kind of judge."""
    kept = whole.kept
    assert kept is not None
    sums = kept.grouped().total
    pictures = [sums[group[chosen]].sum(0).float() / len(chosen) for chosen in (first, second)]
    rows = {}
    for kind, specs in judges.items():
        loaded = {spec.name: spec.load() for spec in specs}
        one, other = (Seen.of(replace(whole, perturbation=picture), loaded) for picture in pictures)
        change = other.pseudo - one.pseudo
        more = float((other.areas - one.areas).mean())
        rows[kind] = {
            "first": rounded(one.auc.value, one.auc.low, one.auc.high),
            "second": rounded(other.auc.value, other.auc.low, other.auc.high),
            "more": rounded(more, *two_way_change_interval(change)),
        }
    return rows


def rounded(value: float, low: float, high: float) -> Ends:
    """Three values with four decimals."""
    return round(value, 4), round(low, 4), round(high, 4)


def show(
    curve: Mapping[int, Floats],
    last: Mapping[int, Floats],
    worths: Mapping[int, Ends],
    of_mixed: Ends,
    size: int,
    pair: Mapping[str, Mapping[str, Ends]],
) -> None:
    """Prints the tables."""
    table = Table("k", "cosine, k independent networks", "k last snapshots of one training", "are worth")
    for k, found in last.items():
        independent = f"{curve[k].mean():.3f}" if k in curve else ""
        table.add_row(str(k), independent, f"{found.mean():.3f}", in_words(worths[k]))
    mixed = Table("judges", f"AUC, {size} of one architecture", f"{size} of as many architectures", "more")
    for kind, ends in pair.items():
        mixed.add_row(kind, *(in_words(ends[key], 3) for key in ("first", "second", "more")))
    console = Console()
    console.print(table)
    console.print(mixed)
    console.print(f"To the reference the {size} of as many architectures are worth {in_words(of_mixed)} of its own.")


def in_words(ends: Ends, digits: int = 2) -> str:
    """A value with its interval."""
    value, low, high = (f"{end:.{digits}f}" for end in ends)
    return f"{value} [{low}, {high}]"


if __name__ == "__main__":
    run_command(measure_snapshots)
