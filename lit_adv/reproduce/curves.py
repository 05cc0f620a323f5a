"""The thesis's curves: the masking effect (4.8.4) and the noise's scale (5.2)."""

from collections.abc import Callable, Sequence
from functools import cache
from math import isnan

import torch
from matplotlib.ticker import LogLocator

from lit_adv.evaluation.grid import grid_period, spectrum
from lit_adv.evaluation.masking_effect import Masked, Point, area_ratio, by_area, by_epsilon, derivative
from lit_adv.evaluation.masks import OBJECT
from lit_adv.figures.gallery import band
from lit_adv.figures.plots import LABELS, curves, legend_below, panels, plain
from lit_adv.perturbations.rendering import as_picture
from lit_adv.reproduce.made import LOW_AND_HIGH, Made, Row, number_or_none, with_interval
from lit_adv.reproduce.material import Material

PARTS = ("contour", "background")
MULTIPLES = tuple(step / 2 for step in range(1, 11))
"""ε of Figure 4.10, as multiples of the data set's: on ImageNet, with 0.02, the thesis's 0.01 to 0.10."""
ACCURACY = "accuracy of the test models (%)"


def contour_and_background(material: Material, names: Sequence[str]) -> Made:
    """The numbers of 4.8.4: the object's part alone, and the background's."""
    numbers = []
    for name in names:
        one = _masked(material, name)
        clean = one.attacked(torch.zeros_like(one.mask, dtype=torch.bool), material.epsilon)
        numbers += _rows(material, name, "nothing", "epsilon", [Point(0.0, clean)])
        for part in PARTS:
            point = Point(material.epsilon, one.attacked(one.part(part), material.epsilon))
            numbers += _rows(material, name, part, "epsilon", [point])
    ratio, images = area_ratio(one.mask), len(one.image)
    return Made(
        numbers={"accuracy": numbers},
        note=f"The area ratio is {ratio:.2f} here, over {images} images with masks. {LOW_AND_HIGH}",
    )


def by_area_curves(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.8."""
    return _two_panels(
        material, names, PARTS, lambda name, part: _area_curve(material, name, part), "share perturbed",
        "share of the image perturbed (%)", ACCURACY,
    )  # fmt: skip


def derivative_curves(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.9; an accuracy lost, as a share, for a share of area is points for percent."""
    made = _two_panels(
        material, names, PARTS[:1], lambda name, part: derivative(_area_curve(material, name, part)), "share perturbed",
        "share of the image perturbed (%)", "points of accuracy lost\nfor +1 % of area", y_scale=1, interval=False,
    )  # fmt: skip
    border = float((_masked(material, names[0]).mask == OBJECT).float().mean())
    for axes in made.plots["curves"].axes:
        axes.axvline(100 * border, color="grey", linestyle="--", linewidth=1)
    where = f"Grey line: the contour's border, at {100 * border:.0f} % of the image."
    made.note += f" The numbers are points for each percent of area. {where}"
    return made


def by_epsilon_curves(material: Material, names: Sequence[str]) -> Made:
    """Figure 4.10."""
    epsilons = [round(multiple * material.epsilon, 4) for multiple in MULTIPLES]
    return _two_panels(
        material, names, PARTS, lambda name, part: by_epsilon(_masked(material, name), part, epsilons), "epsilon",
        "ε (pixel values in [0, 1])", ACCURACY, x_scale=1,
    )  # fmt: skip


def noise_scale(material: Material, names: Sequence[str]) -> Made:
    """Figure 5.5: one model's averages as σ grows, and the period of their grid."""
    sets = material.all_of(names)
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
    return Made(
        plots={"period": figure},
        pictures={"gallery": band([("image", sets[0].image[index]), *rows])},
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
    material: Material,
    names: Sequence[str],
    parts: Sequence[str],
    curve: Callable[[str, str], Sequence[Point]],
    x: str,
    x_label: str,
    y_label: str,
    x_scale: float = 100,
    y_scale: float = 100,
    interval: bool = True,
) -> Made:
    """A panel for each setting, in it a curve for each attack and part; shown with the scales, which make percent.

    With `interval` the means are shares of the images, and their numbers have intervals.
    """
    settings = list(dict.fromkeys(name.split("-")[0] for name in names))
    figure, axes = panels(len(settings))
    numbers: list[Row] = []
    for axis, setting in zip(axes, settings, strict=True):
        lines = {}
        for name in names:
            if name.split("-")[0] == setting:
                for part in parts:
                    points = curve(name, part)
                    numbers += _rows(material, name, part, x, points, interval)
                    lines[name.split("-")[1], part] = [
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
    return Made(
        plots={"curves": figure},
        numbers={"curves": numbers},
        note=f"{_who(material)} {LOW_AND_HIGH}" if interval else _who(material),
    )


def _who(material: Material) -> str:
    count = len(material.judges)
    return (
        f"Mean of {count} test models; the bands reach from the lowest to the highest."
        if count > 1
        else "One test model."
    )


def _rows(
    material: Material, name: str, part: str, x: str, points: Sequence[Point], interval: bool = True
) -> list[Row]:
    setting, attack = name.split("-")[:2]
    images = len(_masked(material, name).image)
    about = {"setting": setting.upper(), "attack": LABELS[attack], "part": part, "images": images}
    return [
        {
            **about,
            x: round(point.x, 5),
            **(with_interval("mean", point.mean, images) if interval else {"mean": round(point.mean, 5)}),
            **{judge: round(share, 5) for judge, share in zip(material.judges, point.accuracy, strict=True)},
        }
        for point in points
    ]


@cache
def _masked(material: Material, name: str) -> Masked:
    made = material.set(name)
    place, mask = material.masked(made)
    judges = list(material.judges.values())
    return Masked(made.image[place], made.perturbation[place], made.label[place], mask, judges)


@cache
def _area_curve(material: Material, name: str, part: str) -> list[Point]:
    return by_area(_masked(material, name), part, material.epsilon)
