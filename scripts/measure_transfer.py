"""Asks whether averages that are recognized better also fool more networks:
python scripts/measure_transfer.py --zoo ZOO --out FOLDER

All source models of a zoo of digits attack the same test digits, under four attacks; the zoo's test models judge
averages over several numbers of models and copies. Recognizability and transfer are then correlated, from set to set,
and within a set from image to image of one class. Sets are kept in FOLDER, and a second call continues.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata
from torch import Tensor, nn

from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.evaluation.judge import check_epsilon
from lit_adv.evaluation.rules import Rules, judge_logits
from lit_adv.files import expanded, write_json
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.terminal import say
from lit_adv.zoo.zoo import Zoo

Floats = NDArray[np.float64]
Ends = tuple[float, float, float]

ATTACKS: Final = {
    "gradient": ("gradient", []),
    "DeepFool": ("deepfool", []),
    "BIM, ε = 0.2": ("bim", ["--model.attack.steps", "10"]),
    "BIM, ε = 0.1": ("bim", ["--model.attack.steps", "10", "--model.attack.epsilon", "0.1"]),
}
"""Title to configuration and options."""
EPSILON: Final = 0.2
"""Usual ε of the judged step (Eq. 4.3)."""
DRAWS: Final = 2000


@dataclass(frozen=True, kw_only=True)
class Point:
    """One set: an attack's averages over m models and n copies.

    Attributes:
        attack: its title.
        m: models.
        n: copies.
        recognized: `[N]`, share of the judges that recognize each image's −δ.
        fooled: `[N]`, of the judges that are right on the clean image, the share that x + ε·sign(δ) fools; NaN where
            none is right.
    """

    attack: str
    m: int
    n: int
    recognized: Floats
    fooled: Floats


def measure_transfer(
    zoo: Path,
    out: Path,
    per_class: int = 20,
    copies: int = 5,
    sigma: float = 0.2,
    seed: int = 0,
    epsilon: float = EPSILON,
) -> None:
    """Correlates recognizability with transfer.

    Args:
        zoo: zoo of source and test models for digits.
        out: folder for the sets and `transfer.json`, with another ε than 0.2 `transfer-EPSILON.json`.
        per_class: digits of each class.
        copies: noisy copies of each digit for each model.
        sigma: standard deviation of the noise.
        seed: of the noise and of the bootstrap.
        epsilon: ε of the step x + ε·sign(δ) that judges are to be fooled by; the sets stay as they are.
    """
    check_epsilon(epsilon)
    out, opened = expanded(out), Zoo.open(zoo)
    if len(opened.sources) < 2 or not opened.judges:
        raise InputError(f"zoo {zoo} needs two source models and a test model; give one with both")
    judges = {spec.name: spec.load() for spec in opened.judges}
    points: list[Point] = []
    for number, (title, (name, options)) in enumerate(ATTACKS.items()):
        folder = out / f"nmm-{name}-{number}"
        words = [
            "predict", "--config", f"mnist-nmm-{name}", "--zoo", zoo, "--out", folder, "--growth", "--data.per_class",
            per_class, "--data.copies", copies, "--data.sigma", sigma, "--data.seed", seed, *options,
        ]  # fmt: skip
        ended = subprocess.run([sys.executable, "-m", "lit_adv", *map(str, words)], check=False).returncode
        if ended:
            raise InputError(f"lit-adv predict ended with {ended}, see above; the same command continues")
        points += judged(title, PerturbationSet.load(folder), judges, epsilon)
    images = PerturbationSet.load(folder)
    label, margin = images.label.numpy(), margins(images, judges)
    generator = np.random.default_rng(seed)
    across = {"all sets": across_sets(points, generator)}
    across |= {title: across_sets([p for p in points if p.attack == title], generator) for title in ATTACKS}
    whole = [max((p for p in points if p.attack == title), key=lambda p: (p.m, p.n)) for title in ATTACKS]
    within = {
        point.attack: {
            "recognized": within_classes(point.recognized, point.fooled, label, generator),
            "margin": within_classes(-margin, point.fooled, label, generator),
            "equal margin": within_classes(point.recognized, point.fooled, label, generator, given=margin),
        }
        for point in whole
    }
    show(points, across, within)
    rows = [asdict(p) | {"recognized": numbers(p.recognized), "fooled": numbers(p.fooled)} for p in points]
    content = {
        "across": {title: numbers(ends) for title, ends in across.items()},
        "within": {title: {what: numbers(ends) for what, ends in one.items()} for title, one in within.items()},
        "margin": numbers(margin),
        "sets": rows,
    }
    write_json(out / ("transfer.json" if epsilon == EPSILON else f"transfer-{epsilon:g}.json"), content)


def judged(title: str, found: PerturbationSet, judges: dict[str, nn.Module], epsilon: float) -> list[Point]:
    """Returns the points of one attack, means over disjoint averages of a size."""
    kept = found.kept
    assert kept is not None
    rules = Rules.of(found, epsilon)
    clean = right(found, judges, rules, "clean")
    points = []
    for m, n in kept.sizes():
        say(f"{title}: averages over {m} models and {n} copies …")
        sets = [replace(found, perturbation=average) for average in kept.averages(m, n)]
        seen = [right(one, judges, rules, "recognized").double().mean(0) for one in sets]
        fooled = [fooled_of(clean, right(one, judges, rules, "attack")) for one in sets]
        points.append(
            Point(attack=title, m=m, n=n, recognized=torch.stack(seen).mean(0).numpy(),
                  fooled=torch.stack(fooled).mean(0).numpy())
        )  # fmt: skip
    return points


def right(found: PerturbationSet, judges: dict[str, nn.Module], rules: Rules, measure: str) -> Tensor:
    """Which images each judge is right about, `[judges, N]` bool."""
    answers = [
        rules.answer(measure, judge_logits(judge, found, measure, rules, 200, name=name))  # type: ignore[arg-type]
        for name, judge in judges.items()
    ]
    return torch.stack(answers) == found.label


def fooled_of(clean: Tensor, attacked: Tensor) -> Tensor:
    """Of the judges right on the clean image, the share `[N]` that is wrong on the attacked one; both `[judges, N]`."""
    return (clean & ~attacked).double().sum(0) / clean.double().sum(0)


def margins(found: PerturbationSet, judges: dict[str, nn.Module]) -> Floats:
    """The label's logit less the largest other one on the clean image, `[N]`, the mean over judges."""
    rules, label = Rules.of(found, EPSILON), found.label[:, None]
    each = []
    for name, judge in judges.items():
        logits = judge_logits(judge, found, "clean", rules, 200, name=name).double()
        others = logits.scatter(1, label, -torch.inf).amax(1)
        each.append(logits.gather(1, label)[:, 0] - others)
    mean: Floats = torch.stack(each).mean(0).numpy()
    return mean


def across_sets(points: Sequence[Point], generator: np.random.Generator) -> Ends:
    """Spearman's correlation of the two means from set to set; its 95 % interval from drawing sets and images anew."""
    recognized = np.stack([point.recognized for point in points])
    fooled = np.stack([point.fooled for point in points])
    draws = []
    for _ in range(DRAWS):
        chosen = generator.integers(len(points), size=len(points))
        images = generator.integers(recognized.shape[1], size=recognized.shape[1])
        draws.append(spearman(recognized[chosen][:, images].mean(1), np.nanmean(fooled[chosen][:, images], 1)))
    return with_ends(spearman(recognized.mean(1), np.nanmean(fooled, 1)), draws)


def within_classes(
    first: Floats,
    second: Floats,
    label: NDArray[np.int64],
    generator: np.random.Generator,
    given: Floats | None = None,
) -> Ends:
    """Spearman's correlation over images of one class, the mean over classes by Fisher's z; images are drawn anew.

    Args:
        first: `[N]`, a value of each image.
        second: another; images where it is NaN are left out.
        label: `[N]`, classes.
        generator: of the draws.
        given: `[N]`, a third value, which the correlation leaves out (a partial correlation).
    """
    classes = [np.flatnonzero((label == c) & np.isfinite(second)) for c in np.unique(label)]

    def correlation(chosen: NDArray[np.int64]) -> float:
        if given is None:
            return spearman(first[chosen], second[chosen])
        return partial_spearman(first[chosen], second[chosen], given[chosen])

    def mean(rows: Sequence[NDArray[np.int64]]) -> float:
        each = np.array([correlation(chosen) for chosen in rows])
        known = each[np.isfinite(each)]
        return float(np.tanh(np.arctanh(np.clip(known, -0.999, 0.999)).mean())) if len(known) else float("nan")

    draws = [mean([generator.choice(rows, len(rows)) for rows in classes]) for _ in range(DRAWS)]
    return with_ends(mean(classes), draws)


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's correlation; NaN where one of the two does not vary."""
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    length = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / length if length > 0 else float("nan")


def partial_spearman(first: Floats, second: Floats, given: Floats) -> float:
    """Spearman's correlation of what a third value does not tell of the two; NaN where it tells all, or one is flat."""
    both, one, other = spearman(first, second), spearman(first, given), spearman(second, given)
    left = (1 - one**2) * (1 - other**2)
    return (both - one * other) / float(np.sqrt(left)) if left > 1e-12 else float("nan")


def with_ends(value: float, draws: Sequence[float]) -> Ends:
    """The value with both ends of the percentile interval."""
    known = [draw for draw in draws if np.isfinite(draw)]
    low, high = np.percentile(known, [2.5, 97.5]) if known else (float("nan"), float("nan"))
    return value, float(low), float(high)


def numbers(values: Sequence[float] | Floats) -> list[float | None]:
    """Values for JSON, which has no NaN."""
    return [round(float(value), 5) if np.isfinite(value) else None for value in values]


def show(points: Sequence[Point], across: dict[str, Ends], within: dict[str, dict[str, Ends]]) -> None:
    """Prints the tables."""
    sets = Table("attack", "m", "n", "recognized, %", "judges fooled, %", title="sets")
    for p in points:
        shares = (f"{100 * np.nanmean(values):.1f}" for values in (p.recognized, p.fooled))
        sets.add_row(p.attack, str(p.m), str(p.n), *shares)
    found = Table("what", "correlation with judges fooled", title="Spearman's correlation [95 % interval]")
    for title, ends in across.items():
        found.add_row(f"recognized, from set to set: {title}", in_words(ends))
    for attack, values in within.items():
        for what, ends in values.items():
            name = {"margin": "small clean margin", "equal margin": "recognized, at equal margin"}.get(what, what)
            found.add_row(f"{name}, from image to image of a class: {attack}", in_words(ends))
    for table in (sets, found):
        Console().print(table)


def in_words(ends: Ends) -> str:
    """A value with its interval."""
    return "{:.2f} [{:.2f}, {:.2f}]".format(*ends)


if __name__ == "__main__":
    run_command(measure_transfer)
