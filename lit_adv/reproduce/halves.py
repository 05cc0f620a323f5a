"""Beyond the thesis: reliability as half of the models predict it and the others show it, and with more models."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from lit_adv.errors import InputError
from lit_adv.figures.plots import LABELS, STYLES, legend_below, panels, plain
from lit_adv.perturbations.cells import levels
from lit_adv.perturbations.halves import LEAST, Halves
from lit_adv.perturbations.reliability import interval, scalars_of
from lit_adv.perturbations.variance_shares import Scalars, shares
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult, Row, value_and_ends
from lit_adv.reproduce.set_name import SetName

THESIS: Final = 270
"""Source models of the thesis on ImageNet."""
STEPS: Final = 60
"""Points of a line."""


def halves(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """ρ against the number of models, with what halves of the models predict and show."""
    figure, [axes] = panels(1)
    numbers: list[Row] = []
    for name in names:
        one = inputs.perturbations(name)
        scalars, found = scalars_of(one), Halves.of(one)
        if scalars is None:
            raise InputError(f"{one.name} keeps no groups of source models; make it again, of at least two models")
        models = scalars.scales.shape[1]
        steps = sorted({*np.geomspace(1, max(models, THESIS), STEPS).round().astype(int).tolist(), models})
        curve = {m: with_models(scalars, m) for m in steps}
        colour, _, dash = STYLES[name.attack]
        value, low, high = zip(*curve.values(), strict=True)
        axes.plot(steps, value, color=colour, linestyle=dash, linewidth=1.3, label=LABELS[name.attack])
        axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
        row = {
            "set": one.name, "models": models, "copies": scalars.copies, "groups": len(scalars.models),
            "images": len(one.label), **value_and_ends("rho", curve[models]),
            "models of a half": None if found is None else found.models,
            **value_and_ends("predicted by a half", None if found is None else found.predicted),
            **value_and_ends("measured between halves", None if found is None else found.measured),
            **value_and_ends(f"rho of {THESIS} models", curve[THESIS]),
        }  # fmt: skip
        numbers.append(row)
        if found is not None:
            middle, least, most = found.measured
            axes.errorbar(
                found.models, middle, [[middle - least], [most - middle]], color=colour, marker="o", markersize=4,
                capsize=2, label=f"{LABELS[name.attack]}, two halves",
            )  # fmt: skip
    ticks = levels(max(THESIS, *(row["models"] for row in numbers)))
    axes.set_xscale("log")
    axes.set_xticks(ticks, map(str, ticks))
    axes.minorticks_off()
    axes.set_xlabel("source models m")
    axes.set_ylabel("ρ, expected cosine")
    axes.set_ylim(0, 1)
    plain(axes)
    legend_below(figure, axes, 2)
    return FigureResult(
        plots={"rho": figure},
        numbers={"halves": numbers},
        note="Line: the expected cosine of two averages over m models with as many copies as the set has, from the "
        "shares of all its models; band: 95 % interval, the models being a sample and the images given. Point: the "
        "cosine of the averages over two halves of the groups of models, the mean over images and random halves. "
        "Predicted by a half is what the groups of each half say by themselves; it takes "
        f"{LEAST} groups. {THESIS} models: the thesis's number on ImageNet, were they such models as these.",
    )


def with_models(scalars: Scalars, models: int) -> tuple[float, float, float]:
    """Returns the mean ρ of averages over so many models with as many copies, and both ends of its interval."""
    each = shares(scalars).rho(scalars.effective(models))
    return float(np.nanmean(each)), *interval(scalars, models)
