"""Beyond the thesis: where models agree, which of them share features, and similarity without noise."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from lit_adv.evaluation.corrected_similarity import Similarities, corrected, products_of_models, products_of_sets
from lit_adv.figures.gallery import gallery_row
from lit_adv.figures.maps import EXPLANATION, rows_with_maps
from lit_adv.figures.plots import LABELS, matrix
from lit_adv.figures.sample import one_of_each
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult, Row, number_or_none
from lit_adv.reproduce.set_name import SetName

WITH_NUMBERS: Final = 12
"""Most rows of a matrix that has its numbers written in it."""
SIDE: Final = (3.0, 0.22)
"""Inches of a matrix: for its labels, and for each row."""


def shares(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Maps of S, A and E, and the reliability of each set."""
    pictures, numbers, left_out = {}, [], ""
    for name in names:
        one = inputs.perturbations(name)
        index, left_out = one_of_each(one.label)
        pictures[LABELS[name.attack]] = gallery_row(rows_with_maps([one], index))
        if reliability := Reliability.known(one):
            numbers.append(_row(one, reliability))
    return FigureResult(
        pictures=pictures,
        numbers={"reliability": numbers} if numbers else {},
        note=f"{EXPLANATION} Rho is the cosine that is to be expected with an average over as many other models and "
        f"copies. {left_out}".rstrip(),
    )


def models(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Which networks share features: a matrix over the models of a zoo, or over groups of them."""
    [name] = names
    one = inputs.perturbations(name)
    found = corrected(torch.cat([products_of_models(one.grouped(slice(i, i + 1))) for i in range(len(one.label))]))
    known = [source.name for source in one.manifest.sources]
    called = [_called(group, known) for group in one.groups]
    order = by_similarity(found.value)
    figure = Figure(figsize=(SIDE[0] + SIDE[1] * len(called),) * 2, layout="constrained")
    axes = figure.add_subplot()
    _heat_map(axes, found.value[order][:, order], [called[place] for place in order])
    alone = all(len(group) == 1 for group in one.groups)
    what = (
        "Each entry is the cosine of what two models' perturbations keep from copy to copy"
        if alone and one.manifest.copies > 1
        else "Each entry is the cosine of two groups' averages, the noise of which is in it; "
        "with --groups of at least the number of models, and two copies or more, each model stands alone, without noise"
    )
    return FigureResult(
        plots={"matrix": figure},
        numbers={"similarity": pair_rows(found, called)},
        note=f"{what}. Means over {found.images} images, with 95 % intervals from them (bootstrap). Similar rows stand "
        "together (average linkage).",
    )


def without_noise(inputs: FigureInputs, names: Sequence[SetName], place: Tensor, region: Tensor) -> Similarities | None:
    """Returns the similarities of sets within regions; None where the sets keep no groups, or other ones.

    Args:
        inputs: of the figure.
        names: of the sets.
        place: `[n]`, positions of images.
        region: `[n, H, W]` bool.
    """
    sets = inputs.all_of(names)
    made_alike = len({(one.manifest.seed, one.manifest.sources, one.groups) for one in sets}) == 1
    if not made_alike or not sets[0].groups:
        return None
    parts = [
        products_of_sets([one.grouped(slice(image, image + 1)) for one in sets], inside[None])
        for image, inside in zip(place.tolist(), region, strict=True)
    ]
    return corrected(torch.cat(parts))


def by_similarity(values: Tensor) -> list[int]:
    """Returns the order `[K]` in which similar rows of a matrix of similarities stand together."""
    if len(values) < 3 or not values.isfinite().all():
        return list(range(len(values)))
    apart = (1 - (values + values.T) / 2).clamp_min(0).fill_diagonal_(0)
    order: list[int] = leaves_list(linkage(squareform(apart.numpy(), checks=False), "average")).tolist()
    return order


def _row(one: PerturbationSet, reliability: Reliability) -> Row:
    fields = asdict(reliability)
    needed = fields.pop("needed")
    return {"set": one.name, **fields, **{f"models for {part['rho']}": part["models"] for part in needed}}


def _called(group: Sequence[int], names: Sequence[str]) -> str:
    there = [names[place] if place < len(names) else str(place) for place in group]
    return there[0] if len(there) == 1 else f"{there[0]} … {there[-1]}"


def _heat_map(axes: Axes, values: Tensor, names: Sequence[str]) -> None:
    if len(names) <= WITH_NUMBERS:
        matrix(axes, values, names, "")
        return
    others = values[~torch.eye(len(names), dtype=torch.bool)].nan_to_num()
    shown = axes.imshow(values.numpy(), cmap="Greys", vmin=0, vmax=max(float(others.max()), 0.01))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.figure.colorbar(shown, ax=axes, shrink=0.6)


def pair_rows(found: Similarities, names: Sequence[str]) -> list[Row]:
    """Returns a row for each pair with its similarity and both ends of its interval."""
    return [
        {
            "first": names[a], "second": names[b],
            "similarity": number_or_none(float(found.value[a, b])),
            "low": number_or_none(float(found.low[a, b])), "high": number_or_none(float(found.high[a, b])),
        }
        for a in range(len(names)) for b in range(a + 1, len(names))
    ]  # fmt: skip
