"""The thesis's curves: the masking effect (4.8.4) and the noise's scale (5.2)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from math import isnan

import torch
from matplotlib.ticker import LogLocator

from lit_adv.evaluation.grid import grid_period, spectrum
from lit_adv.evaluation.masking_effect import Masked, Point, area_ratio, by_area, by_epsilon, derivative
from lit_adv.evaluation.masks import OBJECT
from lit_adv.figures.gallery import gallery_row
from lit_adv.figures.plots import LABELS, STYLES, curves, legend_below, panels, plain
from lit_adv.perturbations.rendering import as_picture
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import LOW_AND_HIGH, FigureResult, Row, number_or_none, with_interval
from lit_adv.reproduce.set_name import SetName

PARTS = ("contour", "background")
MULTIPLES = tuple(step / 2 for step in range(1, 11))
"""ε of Figure 4.10, as multiples of the data set's: on ImageNet, with 0.02, the thesis's 0.01 to 0.10."""
ACCURACY = "accuracy of the test models (%)"


def contour_and_background(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """The numbers of 4.8.4: the object's part alone, and the background's."""
    numbers = []
    for name in names:
        one = _masked(inputs, name)
        clean = one.attacked(torch.zeros_like(one.mask, dtype=torch.bool), inputs.data.epsilon)
        numbers += _rows(inputs, name, "nothing", "epsilon", [Point(0.0, clean)])
        for part in PARTS:
            point = Point(inputs.data.epsilon, one.attacked(one.part(part), inputs.data.epsilon))
            numbers += _rows(inputs, name, part, "epsilon", [point])
    ratio, images = area_ratio(one.mask), len(one.image)
    return FigureResult(
        numbers={"accuracy": numbers},
        note=f"The area ratio is {ratio:.2f} here, over {images} images with masks. {LOW_AND_HIGH}",
    )


def by_area_curves(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.8."""
    return _two_panels(
        inputs, names, PARTS, lambda name, part: _area_curve(inputs, name, part), "share perturbed",
        "share of the image perturbed (%)", ACCURACY,
    )  # fmt: skip


def derivative_curves(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.9; an accuracy lost, as a share, for a share of area is points for percent."""
    result = _two_panels(
        inputs, names, PARTS[:1], lambda name, part: derivative(_area_curve(inputs, name, part)), "share perturbed",
        "share of the image perturbed (%)", "points of accuracy lost\nfor +1 % of area", y_scale=1, interval=False,
    )  # fmt: skip
    border = float((_masked(inputs, names[0]).mask == OBJECT).float().mean())
    for axes in result.plots["curves"].axes:
        axes.axvline(100 * border, color="grey", linestyle="--", linewidth=1)
    where = f"Grey line: the contour's border, at {100 * border:.0f} % of the image."
    return replace(result, note=f"{result.note} The numbers are points for each percent of area. {where}")


def by_epsilon_curves(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 4.10."""
    epsilons = [round(multiple * inputs.data.epsilon, 4) for multiple in MULTIPLES]
    return _two_panels(
        inputs, names, PARTS, lambda name, part: by_epsilon(_masked(inputs, name), part, epsilons), "epsilon",
        "ε (pixel values in [0, 1])", ACCURACY, x_scale=1,
    )  # fmt: skip


def noise_scale(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 5.5: one model's averages as σ grows, and the period of their grid."""
    sets = inputs.all_of(names)
    index = torch.arange(min(10, len(sets[0].label)))
    size = sets[0].image.shape[-1]
    sigmas = [one.manifest.sigma for one in sets]
    spectra = [spectrum(one.perturbation) for one in sets]
    periods = [grid_period(power, size) for power in spectra]
    figure, (left, right) = panels(2)
    left.plot(sigmas, periods, "o-", color="black", markersize=4)
    left.set_xlabel("σ (pixel values in [0, 1])")
    left.set_ylabel("period of the grid (pixels)")
    left.set_ylim(bottom=0)
    left.set_xlim(0, 1.05 * max(sigmas))
    if all(map(isnan, periods)):
        left.set_yticks([])
        left.text(0.5, 0.5, "no grid stands out", transform=left.transAxes, ha="center", va="center")
    for place, (sigma, power) in enumerate(zip(sigmas, spectra, strict=True)):
        grey = str(0.75 * (1 - place / max(len(spectra) - 1, 1)))
        right.loglog(range(1, len(power)), power[1:], color=grey, linewidth=1, label=f"σ = {sigma:g}")
    right.set_xlabel(f"cycles in {size} pixels")
    right.set_ylabel("power")
    right.yaxis.set_major_locator(LogLocator(numticks=6))
    right.legend(fontsize=7, frameon=False)
    for axes in (left, right):
        plain(axes)
    rows = [(f"σ = {sigma:g}", as_picture(one, index)) for sigma, one in zip(sigmas, sets, strict=True)]
    source = sets[0].manifest.sources[0].name
    return FigureResult(
        plots={"period": figure},
        pictures={"gallery": gallery_row([("image", sets[0].image[index]), *rows])},
        numbers={
            "period": [
                {"sigma": sigma, "period (pixels)": number_or_none(period)}
                for sigma, period in zip(sigmas, periods, strict=True)
            ]
        },
        note=f"{source}, {int(sets[0].count[0])} noisy copies. The period is that of the lowest frequency that stands "
        "out of the spectrum along rows and columns, the image's size divided by a whole number, at least 2 pixels; "
        "none is given where nothing stands out.",
    )


def _two_panels(
    inputs: FigureInputs,
    names: Sequence[SetName],
    parts: Sequence[str],
    curve: Callable[[SetName, str], Sequence[Point]],
    x: str,
    x_label: str,
    y_label: str,
    x_scale: float = 100,
    y_scale: float = 100,
    interval: bool = True,
) -> FigureResult:
    """A panel for each setting, in it a curve for each attack and part; shown with the scales, which make percent.

    With `interval` the means are shares of the images, and their numbers have intervals.
    """
    settings = list(dict.fromkeys(name.setting for name in names))
    figure, axes = panels(len(settings))
    numbers: list[Row] = []
    for axis, setting in zip(axes, settings, strict=True):
        lines = {}
        for name in names:
            if name.setting == setting:
                for part in parts:
                    points = curve(name, part)
                    numbers += _rows(inputs, name, part, x, points, interval)
                    lines[name.attack, part] = [
                        Point(p.x * x_scale, tuple(y * y_scale for y in p.accuracy)) for p in points
                    ]
        curves(axis, lines)
        axis.set_title(setting.upper(), fontsize=10)
        axis.set_xlabel(x_label)
        axis.set_ylabel(y_label)
    low, high = min(a.get_ylim()[0] for a in axes), max(a.get_ylim()[1] for a in axes)
    for axis in axes:
        axis.set_ylim(low, high)
    legend_below(figure, axes[0], 3)
    return FigureResult(
        plots={"curves": figure},
        numbers={"curves": numbers},
        note=f"{_who(inputs)} {LOW_AND_HIGH}" if interval else _who(inputs),
    )


def _who(inputs: FigureInputs) -> str:
    count = len(inputs.judges.models)
    return (
        f"Mean of {count} test models; the bands reach from the lowest to the highest."
        if count > 1
        else "One test model."
    )


def _rows(
    inputs: FigureInputs, name: SetName, part: str, x: str, points: Sequence[Point], interval: bool = True
) -> list[Row]:
    images = len(_masked(inputs, name).image)
    about = {"setting": name.setting.upper(), "attack": LABELS[name.attack], "part": part, "images": images}
    return [
        {
            **about,
            x: round(point.x, 5),
            **(with_interval("mean", point.mean, images) if interval else {"mean": round(point.mean, 5)}),
            **{judge: round(share, 5) for judge, share in zip(inputs.judges.models, point.accuracy, strict=True)},
        }
        for point in points
    ]


@lru_cache(maxsize=len(STYLES))
def _masked(inputs: FigureInputs, name: SetName) -> Masked:
    perturbations = inputs.perturbations(name)
    index, mask = inputs.masked(perturbations)
    judges = inputs.judges.models
    return Masked(
        perturbations.image[index],
        perturbations.perturbation[index],
        perturbations.label[index],
        mask,
        list(judges.values()),
        names=list(judges),
    )


@lru_cache(maxsize=64)
def _area_curve(inputs: FigureInputs, name: SetName, part: str) -> list[Point]:
    return by_area(_masked(inputs, name), part, inputs.data.epsilon)
