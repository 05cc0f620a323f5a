"""Growth of recognizability and strength with the numbers of source models and noisy copies (beyond the thesis)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.evaluation.answers import right
from lit_adv.evaluation.intervals import two_way_change_interval, two_way_interval
from lit_adv.evaluation.judge_figures import Measure
from lit_adv.evaluation.rules import Rules, judge_logits
from lit_adv.figures.plots import LABELS, STYLES, legend_below, panels, plain
from lit_adv.perturbations.cells import levels
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.judges import BATCH_SIZE
from lit_adv.reproduce.result import FigureResult, Row
from lit_adv.reproduce.set_name import SetName

MEASURES: Final = {"recognized": "perturbations recognized (%)", "accuracy": "accuracy under attack (%)"}
JUDGED: Final[tuple[Measure, ...]] = ("recognized", "attack")
"""Measures of an evaluation that `MEASURES` are, in its order."""


@dataclass(frozen=True)
class GrowthPoint:
    """Measures of averages over m models and n copies.

    Attributes:
        m: models.
        n: copies.
        groups: number of groups of m models.
        measured: mean and both ends of the 95 % interval of each of `MEASURES`, as shares.
        to_all: likewise, the change from here to the average over all models and copies, image by image.
    """

    m: int
    n: int
    groups: int
    measured: Mapping[str, tuple[float, float, float]]
    to_all: Mapping[str, tuple[float, float, float]]


def curves(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Curves against m with all copies, against n with all models, and against m·n for each n."""
    found = {name: _sizes(inputs, name) for name in names}
    most = {name: (sizes[-1].m, sizes[-1].n) for name, sizes in found.items()}
    models, model_axes = panels(len(MEASURES))
    copies, copy_axes = panels(len(MEASURES))
    for place, (measure, label) in enumerate(MEASURES.items()):
        for name, sizes in found.items():
            m, n = most[name]
            _draw(model_axes[place], name, measure, {size.m: size for size in sizes if size.n == n})
            _draw(copy_axes[place], name, measure, {size.n: size for size in sizes if size.m == m})
        _label(model_axes[place], "source models m", label, levels(max(m for m, _ in most.values())))
        _label(copy_axes[place], "noisy copies n", label, levels(max(n for _, n in most.values())))
    for figure, axes in ((models, model_axes), (copies, copy_axes)):
        legend_below(figure, axes[0], len(names))
    numbers: list[Row] = [
        {
            "attack": LABELS[name.attack], "m": size.m, "n": size.n, "groups": size.groups,
            **{
                f"{measure}{what}{end}": round(value, 5)
                for what, shares in (("", size.measured), (" to all", size.to_all))
                for measure, values in shares.items()
                for end, value in zip(("", " low", " high"), values, strict=True)
            },
        }
        for name, sizes in found.items()
        for size in sizes
    ]  # fmt: skip
    about = [_about(inputs, name) for name in names]
    return FigureResult(
        plots={"models": models, "copies": copies, "both": _both(found)},
        numbers={"growth": numbers},
        note="From one run for each attack: the average over the first n copies, of up to five groups of m source "
        "models that share none, drawn by chance. Bands: 95 % intervals, groups and images being samples (one or two "
        'groups count as given); mean of the test models that the attack did not use. "To all" is the change from here '
        "to the average over all models and copies, image by image. "
        f"{'; '.join(about)}.",
    )


def _about(inputs: FigureInputs, name: SetName) -> str:
    made = inputs.perturbations(name)
    failed = len(made.manifest.missing)
    return (
        f"{LABELS[name.attack]}: {len(made.label)} images, "
        f"{len(made.manifest.sources)} models{f', without {failed} that failed' if failed else ''}"
    )


def _sizes(inputs: FigureInputs, name: SetName) -> list[GrowthPoint]:
    perturbations, folder = inputs.perturbations(name), inputs.sets.folder(name)
    kept = perturbations.kept
    if kept is None or not kept.cells.growth:
        raise InputError(f"{folder} was made without --growth; delete it or choose another --out")
    judges = inputs.held_out(name)
    shares = {}
    for m, n in kept.sizes():
        if averages := kept.averages(m, n):
            groups = [_right(replace(perturbations, perturbation=average), judges, inputs.data) for average in averages]
            shares[m, n] = torch.stack(groups, 1)
    *_, whole = shares.values()
    return [
        GrowthPoint(
            m,
            n,
            of_groups.shape[1],
            {key: (float(x.mean()), *two_way_interval(x)) for key, x in zip(MEASURES, of_groups, strict=True)},
            {
                key: (0.0, 0.0, 0.0) if of_groups is whole else (float(x.mean()), *two_way_change_interval(x))
                for key, x in zip(MEASURES, whole - of_groups, strict=True)
            },
        )
        for (m, n), of_groups in shares.items()
    ]


def _right(perturbations: PerturbationSet, judges: Mapping[str, Model], data: DataSet) -> Tensor:
    """Returns for each image the share of judges that answer right, by `MEASURES`; `[2, N]`."""
    rules = Rules.of(perturbations, data.epsilon)

    def answers(name: str, measure: Measure) -> Tensor:
        logits = judge_logits(judges[name], perturbations, measure, rules, BATCH_SIZE, name=name)
        return rules.answer(measure, logits)

    found = [torch.stack([right(perturbations, of, answers(name, of)) for name in judges]) for of in JUDGED]
    return torch.stack(found).double().mean(1)


def _draw(axes: Axes, name: SetName, measure: str, sizes: Mapping[int, GrowthPoint]) -> None:
    attack = name.attack
    colour, marker, dash = STYLES[attack]
    mean, low, high = ([100 * size.measured[measure][place] for size in sizes.values()] for place in range(3))
    axes.plot(
        list(sizes), mean, color=colour, marker=marker, linestyle=dash, markersize=4, linewidth=1.3,
        label=LABELS[attack],
    )  # fmt: skip
    axes.fill_between(list(sizes), low, high, color=colour, alpha=0.12, linewidth=0)


def _label(axes: Axes, x: str, y: str, ticks: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(0, 100)
    plain(axes)


def _both(found: Mapping[SetName, Sequence[GrowthPoint]]) -> Figure:
    """A panel for each attack: recognized against m·n, a line for each n."""
    figure, axes = panels(len(found))
    every = sorted({size.n for sizes in found.values() for size in sizes})
    for axis, (name, sizes) in zip(axes, found.items(), strict=True):
        for place, n in enumerate(every):
            line = {size.m * n: 100 * size.measured["recognized"][0] for size in sizes if size.n == n}
            grey = str(0.75 * (1 - place / max(len(every) - 1, 1)))
            axis.plot(list(line), list(line.values()), "o-", color=grey, markersize=3, linewidth=1, label=f"n = {n}")
        ticks = [10**place for place in range(len(str(sizes[-1].m * sizes[-1].n)))]
        _label(axis, "perturbations averaged m·n", MEASURES["recognized"], ticks)
        axis.set_title(LABELS[name.attack], fontsize=10)
    legend_below(figure, axes[0], len(every))
    return figure
