"""Growth of recognizability and strength with the numbers of source models and noisy copies (beyond the thesis)."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lit_adv.evaluation.growth_points import MEASURES, GrowthPoint, growth_points
from lit_adv.evaluation.rules import Rules
from lit_adv.figures.plots import LABELS, STYLES, legend_below, panels, plain
from lit_adv.perturbations.cells import levels
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult, Row, number_or_none, value_and_ends
from lit_adv.reproduce.set_name import SetName

SHOWN: Final = {
    "recognized": ("perturbations recognized (%)", 100),
    "accuracy": ("accuracy under attack (%)", 100),
    "auc": ("AUC (chance 0.5)", 1),
}
"""Label of each of `MEASURES`, and the top of its axis."""
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
"""Of the numbers of copies."""


def curves(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Curves against m with all copies, against n with all models, and against m·n for each n."""
    found = {name: growth_points(inputs.perturbations(name), inputs.held_out(name)) for name in names}
    most = {name: (sizes[-1].m, sizes[-1].n) for name, sizes in found.items()}
    models, model_axes = panels(len(MEASURES))
    copies, copy_axes = panels(len(MEASURES))
    for place, measure in enumerate(MEASURES):
        for name, sizes in found.items():
            m, n = most[name]
            _draw(model_axes[place], name, measure, {size.m: size for size in sizes if size.n == n})
            _draw(copy_axes[place], name, measure, {size.n: size for size in sizes if size.m == m})
        _label(model_axes[place], "source models m", measure, levels(max(m for m, _ in most.values())))
        _label(copy_axes[place], "noisy copies n", measure, levels(max(n for _, n in most.values())))
    for figure, axes in ((models, model_axes), (copies, copy_axes)):
        legend_below(figure, axes[0], len(names))
    numbers: list[Row] = [
        {
            "attack": LABELS[name.attack], "m": size.m, "n": size.n, "groups": size.groups,
            "rho": number_or_none(size.rho, 5),
            **{
                heading: value
                for what, shares in (("", size.measured), (" to all", size.to_all))
                for measure, values in shares.items()
                for heading, value in value_and_ends(f"{measure}{what}", values, 5).items()
            },
        }
        for name, sizes in found.items()
        for size in sizes
    ]  # fmt: skip
    about = [_about(inputs, name) for name in names]
    return FigureResult(
        plots={"models": models, "copies": copies, "both": _both(found), **_by_rho(inputs, found)},
        numbers={"growth": numbers},
        note="From one run for each attack: the average over the first n copies, of up to five groups of m source "
        "models that share none, drawn by chance. Bands: 95 % intervals, groups and images being samples (one or two "
        'groups count as given); mean of the test models that the attack did not use. "To all" is the change from here '
        "to the average over all models and copies, image by image. Rho is the expected cosine of two such averages, "
        "from the shares of all models, one model and one copy in the whole set; points of one set have models in "
        "common. "
        f"{'; '.join(about)}.",
    )


def _about(inputs: FigureInputs, name: SetName) -> str:
    made = inputs.perturbations(name)
    failed = len(made.manifest.missing)
    return (
        f"{LABELS[name.attack]}: {len(made.label)} images, "
        f"{len(made.manifest.sources)} models{f', without {failed} that failed' if failed else ''}"
    )


def _draw(axes: Axes, name: SetName, measure: str, sizes: Mapping[int, GrowthPoint]) -> None:
    attack = name.attack
    colour, marker, dash = STYLES[attack]
    top = SHOWN[measure][1]
    mean, low, high = ([top * size.measured[measure][place] for size in sizes.values()] for place in range(3))
    axes.plot(
        list(sizes), mean, color=colour, marker=marker, linestyle=dash, markersize=4, linewidth=1.3,
        label=LABELS[attack],
    )  # fmt: skip
    axes.fill_between(list(sizes), low, high, color=colour, alpha=0.12, linewidth=0)


def _label(axes: Axes, x: str, measure: str, ticks: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    _name(axes, x, measure)


def _name(axes: Axes, x: str, measure: str) -> None:
    label, top = SHOWN[measure]
    axes.set_xlabel(x)
    axes.set_ylabel(label)
    axes.set_ylim(0, top)
    plain(axes)


def _by_rho(inputs: FigureInputs, found: Mapping[SetName, Sequence[GrowthPoint]]) -> dict[str, Figure]:
    """Each measure against ρ: a colour for each attack, a marker for each n; no figure where no ρ is known."""
    known = {name: [size for size in sizes if not isnan(size.rho)] for name, sizes in found.items()}
    every = sorted({size.n for sizes in known.values() for size in sizes})
    if not every:
        return {}
    figure, axes = panels(len(MEASURES))
    markers = {n: MARKERS[place % len(MARKERS)] for place, n in enumerate(every)}
    for axis, measure in zip(axes, MEASURES, strict=True):
        top = SHOWN[measure][1]
        for name, sizes in known.items():
            for size in sizes:
                mean, low, high = (top * value for value in size.measured[measure])
                axis.errorbar(
                    size.rho, mean, [[max(mean - low, 0)], [max(high - mean, 0)]], color=STYLES[name.attack][0],
                    marker=markers[size.n], markersize=4, linewidth=0.7, alpha=0.8,
                )  # fmt: skip
        _name(axis, "ρ, expected cosine of two such averages", measure)
        axis.set_xlim(0, 1)
    rules = [Rules.of(inputs.perturbations(name), inputs.data.epsilon) for name in known]
    chances = {"recognized": 100 / len(rules[0].answerable), "auc": 0.5}
    for measure, chance in chances.items():
        axes[MEASURES.index(measure)].axhline(chance, color="0.5", linewidth=0.8, linestyle=":")
    attacks = [Line2D([], [], color=STYLES[name.attack][0], label=LABELS[name.attack]) for name in known]
    copies = [Line2D([], [], color="0.4", marker=markers[n], linestyle="", label=f"n = {n}") for n in every]
    dotted = Line2D([], [], color="0.5", linestyle=":", label="chance")
    figure.legend(handles=[*attacks, *copies, dotted], loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    return {"rho": figure}


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
        _label(axis, "perturbations averaged m·n", "recognized", ticks)
        axis.set_title(LABELS[name.attack], fontsize=10)
    legend_below(figure, axes[0], len(every))
    return figure
