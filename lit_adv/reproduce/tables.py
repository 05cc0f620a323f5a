"""The thesis's tables, its similarity matrices and its noise classes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

import torch

from lit_adv.evaluation.corrected_similarity import Similarities
from lit_adv.evaluation.judge_figures import Area, ShareName
from lit_adv.evaluation.masks import OBJECT
from lit_adv.evaluation.noise_classes import noise_classes
from lit_adv.evaluation.recognizability import by_class
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.similarity import similarity
from lit_adv.evaluation.table import Table
from lit_adv.figures.plots import LABELS, matrix, panels
from lit_adv.reproduce.agreement import pair_rows, without_noise
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult, number_or_none, with_interval
from lit_adv.reproduce.set_name import SetName

COLUMNS: Final[tuple[ShareName, ...]] = ("clean", "noise", "attack", "attack_l2", "recognized", "prior_off")
"""Columns of the CSV file, in its order."""
ENDS: Final = ("", " low", " high", " lowest", " highest")
"""What the columns of a `Spread` are called, in its order."""


def evaluated(
    inputs: FigureInputs, names: Sequence[SetName], tables: Sequence[Callable[[Sequence[Evaluation]], Table]]
) -> FigureResult:
    """Table 4.3 or 4.4, and what is beside it."""
    evaluations = [inputs.evaluation(name) for name in names]
    numbers = [
        {
            "set": evaluation.set, "averaged": evaluation.perturbations_per_image, "images": evaluation.images,
            "judge": judge, "white box": found.white_box, "judges each other": found.cross, "without": found.without,
            **{
                heading: value
                for key in COLUMNS
                for heading, value in with_interval(key, found.share(key) or 0, evaluation.images).items()
            },
            **_area(found.auc),
            "commonest answer": round(found.commonest or 0, 5),
        }
        for evaluation in evaluations
        for judge, found in evaluation.judges.items()
    ]  # fmt: skip
    together = [
        {
            "set": evaluation.set, "judges": cross.judges, "judges without their own group": cross.without,
            **{
                f"{key}{end}": round(value, 5)
                for key in (*COLUMNS, "auc")
                if (spread := getattr(cross, key)) is not None
                for end, value in zip(ENDS, asdict(spread).values(), strict=True)
            },
            "p": cross.p,
        }
        for evaluation in evaluations
        if (cross := evaluation.cross) is not None
    ]  # fmt: skip
    sets = inputs.all_of(names)
    alike = all(torch.equal(one.image, sets[0].image) for one in sets)
    largest = max(evaluations, key=lambda e: e.images)
    images = (
        f"{largest.images} images."
        if alike
        else (f"Not all sets are of the same images; clean and random noise are those of {largest.set}.")
    )
    return FigureResult(
        tables=[table(evaluations) for table in tables],
        numbers={"evaluation": numbers, **({"source_models": together} if together else {})},
        note=f"{images} In square brackets the 95 % interval that follows from "
        "the number of images (Wilson), in round ones the thesis's figures, of its own models, copies and images. "
        "Beside the sets' names how many perturbations were averaged for an image.",
    )


def _area(area: Area | None) -> dict[str, float | None]:
    """An area with both ends of its 95 % interval and its p-value, by heading."""
    if area is None:
        return dict.fromkeys(("auc", "auc low", "auc high", "p"))
    return {"auc": round(area.value, 5), "auc low": round(area.low, 5), "auc high": round(area.high, 5), "p": area.p}


def similarities(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """Figure 5.7."""
    place, mask = inputs.masked(inputs.perturbations(names[0]))
    settings = list(dict.fromkeys(name.setting for name in names))
    figure, axes = panels(len(settings))
    numbers, pairs = [], []
    clean: dict[str, tuple[Similarities, list[str]]] = {}
    for axis, setting in zip(axes, settings, strict=True):
        chosen = [name for name in names if name.setting == setting]
        values = similarity([inputs.perturbations(name).perturbation[place] for name in chosen], mask == OBJECT)
        labels = [LABELS[name.attack] for name in chosen]
        matrix(axis, values, labels, setting.upper())
        numbers += [
            {
                "setting": setting.upper(),
                "attack": label,
                **dict(zip(labels, map(number_or_none, row.tolist()), strict=True)),
            }
            for label, row in zip(labels, values, strict=True)
        ]
        if found := without_noise(inputs, chosen, place, mask == OBJECT):
            clean[setting.upper()] = found, labels
            pairs += [{"setting": setting.upper(), **row} for row in pair_rows(found, labels)]
    plots, note = {"matrices": figure}, ""
    if clean:
        plots["without-noise"], axes = panels(len(clean))
        for axis, (title, (found, labels)) in zip(axes, clean.items(), strict=True):
            matrix(axis, found.value, labels, f"{title}, without noise")
        note = (
            " Without noise: from products of perturbations of different models only, which share no noisy copy, and "
            "divided by what each attack's models have in common, so that neither noise that two averages share nor "
            "what each has of its own counts; 95 % intervals from the images (bootstrap)."
        )
    return FigureResult(
        plots=plots,
        numbers={"similarity": numbers, **({"without-noise": pairs} if pairs else {})},
        note=f"Cosine similarity within the contour, the mean over {len(place)} images; an image for which an "
        f"attack gave 0 counts for none of that attack's pairs.{note}",
    )


def noise(inputs: FigureInputs, names: Sequence[SetName]) -> FigureResult:
    """5.4: which classes pure noise gets, and how well the perturbations of each class are recognized."""
    data, called = inputs.perturbations(names[0]).data_set, inputs.data.class_names()
    draws = data.noise_draws
    seen = [
        {"test model": name, "class": called[label], "share": share}
        for name, judge in inputs.judges.models.items()
        for label, share in noise_classes(judge, data.image_shape, data.mean, data.std, draws, name=name)
    ]
    recognized: dict[str, dict[str, object]] = {}
    for name in names:
        perturbations = inputs.perturbations(name)
        for judge, answers in inputs.answers(name).items():
            star = "*" if inputs.judges.is_white_box(perturbations, judge) else ""
            for label, share, images in by_class(answers, perturbations.label):
                row = recognized.setdefault(called[label], {"class": called[label], "images": images})
                row[f"{perturbations.name}, {judge}{star}"] = share
    return FigureResult(
        numbers={"noise": seen, "recognized": list(recognized.values())},
        note=f"Each test model saw {draws} draws of Gaussian noise with the data set's mean and standard deviation. "
        "Below, the share of the perturbations of each class that a test model recognizes; with a star those it "
        "helped to make.",
    )
