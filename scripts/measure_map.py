"""Judges maps from images to averages on images that are new to them:
python scripts/measure_map.py --average SET --learnt SET --zoo ZOO --maps '[maps/digits]' --picture map.png

Beside the maps stand the averages themselves, the mean average of each class, and the negative of the image.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Any, Final

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional

import lit_adv
from lit_adv.attacks import Map
from lit_adv.attacks.map import unit
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.evaluation.answers import right
from lit_adv.evaluation.auc import mean_auc, pseudo_values
from lit_adv.evaluation.intervals import Z, two_way_change_interval, two_way_interval
from lit_adv.evaluation.rules import Rules, judge_logits
from lit_adv.files import atomic_path, expanded, write_json
from lit_adv.perturbations.perturbation_set import PerturbationSet, first_of_each_class
from lit_adv.perturbations.reliability import Reliability
from lit_adv.zoo.zoo import Zoo

TIMED: Final = 50
"""Images on which times are measured."""


def measure_map(
    average: Path,
    learnt: Path,
    zoo: Path,
    maps: list[Path],
    json_file: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Judges maps on images that are new to them.

    Args:
        average: set of averages of new images, with groups of source models.
        learnt: set that the maps learnt from.
        zoo: its test models judge; its source models are timed.
        maps: folders of maps, in the order of the rows.
        json_file: file to which the figures are written, too.
        picture: PNG file of the first image of each class.
    """
    known, entries = PerturbationSet.load(average), Zoo.open(zoo)
    if not entries.judges:
        raise InputError(f"zoo {zoo} has no test models to judge")
    drawn: dict[str, Tensor] = {"average": known.perturbation}
    milliseconds = {"average": _average_time(known, entries)}
    for folder in maps:
        attack = Map(weights=str(folder / "map.safetensors"))
        drawn[folder.name], milliseconds[folder.name] = _draw(attack, known)
    drawn["class means"] = _class_means(PerturbationSet.load(learnt), known.label)
    drawn["−image"] = -known.image
    judged = {name: _judged(replace(known, perturbation=one), entries) for name, one in drawn.items()}
    rho = Reliability.known(known)
    ceiling = sqrt(rho.rho) if rho is not None and rho.rho > 0 else None
    rows = [
        {
            "name": name,
            "cosine": _mean(_cosines(one, known.perturbation)),
            "ceiling": ceiling,
            **_figures(judged[name], judged["average"]),
            "milliseconds": milliseconds.get(name),
        }
        for name, one in drawn.items()
    ]
    print(f"{len(known.label)} images, {len(entries.judges)} judges; √ρ of the averages is {ceiling}\n")
    print(markdown(rows))
    if json_file is not None:
        write_json(expanded(json_file), rows)
    if picture is not None:
        _save(drawn, known, expanded(picture))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns the table, with 95 % intervals."""
    lines = [
        "| δ | cosine with the average | of √ρ | recognized, % | AUC | AUC beside the average's | ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        share = cosine = change = ""
        if row["name"] != "average":
            cosine, change = _shown(row["cosine"], "{:.3f}"), _shown(row["change"], "{:+.3f}")
            share = _shown([value / row["ceiling"] for value in row["cosine"]], "{:.2f}") if row["ceiling"] else ""
        recognized = _shown([100 * value for value in row["recognized"]], "{:.0f}")
        taken = "" if row["milliseconds"] is None else f"{row['milliseconds']:.2g}"
        cells = [row["name"], cosine, share, recognized, _shown(row["auc"], "{:.3f}"), change, taken]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(values: Sequence[float], form: str) -> str:
    value, low, high = map(form.format, values)
    return f"{value} [{low}, {high}]"


def _draw(attack: Map, known: PerturbationSet) -> tuple[Tensor, float]:
    """Returns a map's δ `[N, C, H, W]`, and milliseconds for an image, of many at a time."""

    def drawn(rows: slice) -> Tensor:
        return attack(lambda x: x, known.image[rows], known.label[rows])

    drawn(slice(TIMED))
    begun = time.perf_counter()
    drawn(slice(TIMED))
    taken = time.perf_counter() - begun
    places = range(0, len(known.label), 500)
    return torch.cat([drawn(slice(place, place + 500)) for place in places]), 1000 * taken / min(
        TIMED, len(known.label)
    )


def _average_time(known: PerturbationSet, zoo: Zoo) -> float:
    """Returns milliseconds for an image's average over all source models in memory, with the set's n and σ."""
    models = [spec.load() for spec in zoo.sources]
    some, manifest = known.subset(torch.arange(min(TIMED, len(known.label)))), known.manifest
    attack = getattr(lit_adv, manifest.attack.name)(**manifest.attack.parameters)
    begun = time.perf_counter()
    lit_adv.average(
        models, some.image, some.label, attack, copies=manifest.copies, sigma=manifest.sigma, groups=1, progress=False
    )
    return 1000 * (time.perf_counter() - begun) / len(some.label)


def _class_means(learnt: PerturbationSet, label: Tensor) -> Tensor:
    """Returns for each label the mean average of that class, each average of the same norm."""
    scaled = unit(learnt.perturbation.double())
    means = torch.stack([scaled[learnt.label == c].mean(0) for c in range(int(label.max()) + 1)])
    return means[label].float()


def _cosines(one: Tensor, other: Tensor) -> Tensor:
    return functional.cosine_similarity(unit(one.double()).flatten(1), unit(other.double()).flatten(1))


def _mean(values: Tensor) -> list[float]:
    mean, half = float(values.mean()), Z * float(values.std()) / sqrt(len(values))
    return [mean, mean - half, mean + half]


def _judged(one: PerturbationSet, zoo: Zoo) -> dict[str, Tensor]:
    """Returns, for each judge, which images are recognized, the pseudo-values of its area, and the area."""
    rules = Rules.of(one, one.data_set.epsilon)
    found: dict[str, list[Tensor]] = {"recognized": [], "values": [], "auc": []}
    for spec in zoo.judges:
        logits = judge_logits(spec.load(), one, "recognized", rules, name=spec.name)
        heard = rules.heard(logits), rules.answerable, one.wanted
        found["recognized"].append(right(one, "recognized", rules.answer("recognized", logits)).double())
        found["values"].append(pseudo_values(*heard))
        found["auc"].append(torch.tensor(mean_auc(*heard), dtype=torch.float64))
    return {name: torch.stack(parts) for name, parts in found.items()}


def _figures(mine: Mapping[str, Tensor], whole: Mapping[str, Tensor]) -> dict[str, list[float]]:
    area, other = float(mine["auc"].mean()), float(whole["auc"].mean())
    change = [0.0] * 3
    if mine is not whole:
        change = [area - other, *two_way_change_interval(mine["values"] - whole["values"], area - other)]
    return {
        "recognized": [float(mine["recognized"].mean()), *two_way_interval(mine["recognized"])],
        "auc": [area, *two_way_interval(mine["values"], area)],
        "change": change,
    }


def _save(drawn: Mapping[str, Tensor], known: PerturbationSet, path: Path) -> None:
    """Draws the first image of each class and −δ of each row, each picture by its own largest magnitude."""
    first = first_of_each_class(known.label)
    rows = {"digit": known.image, **{name: -one for name, one in drawn.items() if name != "−image"}}
    figure = Figure(figsize=(len(first) * 0.62 + 1.5, len(rows) * 0.62))
    axes = figure.subplots(len(rows), len(first), squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        for place, axis in zip(first.tolist(), line, strict=True):
            peak = float(pictures[place].abs().max()) or 1.0
            axis.imshow((pictures[place, 0] / peak).numpy(), cmap="gray", vmin=0 if name == "digit" else -1, vmax=1)
            axis.set(xticks=[], yticks=[])
    figure.tight_layout(pad=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)


if __name__ == "__main__":
    run_command(measure_map)
