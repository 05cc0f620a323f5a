"""Tables of several evaluated sets, in the shape of Tables 4.3 and 4.4."""

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Final

from lit_adv.evaluation.cross import Spread
from lit_adv.evaluation.intervals import wilson
from lit_adv.evaluation.judge_figures import JudgeFigures, Measure, ShareName, p_in_words
from lit_adv.evaluation.published import ANY, RECOGNIZED, STRENGTH
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.table import (
    INTERVAL,
    Table,
    areas_explained,
    cross_in_words,
    empty,
    indifferent,
    lengths,
    notes,
    own_rows,
)

CROSS: Final = "source models"
"""First column of the row of the models that judge each other."""

LEAST_SHOWN: Final = 5
"""Number of source models that a table of influence shows, also where none stands out."""

Evaluations = Sequence[Evaluation]


def recognizability(evaluations: Evaluations) -> Table:
    """Table 4.3: the models that judge each other, then a row for each judge; a column for each set.

    Stars, intervals and brackets as in Table 4.4.

    Args:
        evaluations: of sets of one data set.
    """
    rows = [[judge] for judge in _judges(evaluations)]
    for evaluation in evaluations:
        published = RECOGNIZED.get(evaluation.data, {}).get(evaluation.set, {})
        for row in rows:
            row.append(_judge_cell(evaluation, row[0], "recognized", published))
    crossed = _cross_row(evaluations, lambda e: _spread_cell(e, "recognized"))
    return Table(
        f"perturbations recognized, % [{INTERVAL}] (Table 4.3 of the thesis)",
        ["judge", *_headings(evaluations)],
        crossed + rows,
        notes(evaluations, indifferent, empty, crossing),
    )


def influence(evaluation: Evaluation, names: Sequence[str]) -> Table:
    """Influence of source models on a set's average: those that agree least with the others, and all that stand out.

    Args:
        evaluation: of the set.
        names: of the classes.
    """
    lowest = sorted(evaluation.influence, key=lambda one: (not one.stands_out, one.z))
    shown = lowest[: max(LEAST_SHOWN, sum(one.stands_out for one in lowest))]
    rows = [
        [
            f"{one.name}{' *' if one.stands_out else ''}",
            f"{one.cosine:.3f}",
            f"{one.z:.1f}".replace("-", "−"),
            f"{names[one.label]} ({one.label_z:.1f})".replace("(-", "(−") if one.label >= 0 else "",
        ]
        for one in shown
    ]
    note = (
        f"The {len(shown)} of {len(evaluation.influence)} that agree least. Cosine: with the average of all others, "
        "the mean over images; z: from the median of all, in units of their spread; *: stands out."
    )
    headings = ["source models", "cosine", "z", "lowest class (z)"]
    return Table(f"influence on {evaluation.set}", headings, rows, note if rows else "")


def areas(evaluations: Evaluations) -> Table:
    """Recognized without the answer prior: areas under ROC curves with p-values, and shares where the prior is off.

    Args:
        evaluations: of sets of one data set; those of older versions have empty columns.
    """
    rows = _cross_row(evaluations, lambda e: "" if e.cross is None else e.cross.area_in_words, f"{CROSS}: AUC")
    rows += _cross_row(evaluations, lambda e: _spread_cell(e, "prior_off"), f"{CROSS}: prior off, %")
    for judge in _judges(evaluations):
        found = [e.judges.get(judge) for e in evaluations]
        rows.append([f"{judge}: AUC", *("" if one is None or one.auc is None else _area(one) for one in found)])
        rows.append([f"{judge}: prior off, %", *(_judge_cell(e, judge, "prior_off", {}) for e in evaluations)])
    return Table(
        f"perturbations recognized without the answer prior [{INTERVAL}]",
        ["judge", *_headings(evaluations)],
        [row for row in rows if any(row[1:])],
        notes(evaluations, areas_explained, crossing),
    )


def strength(evaluations: Evaluations, under: Measure = "attack") -> Table:
    """Table 4.4: the models that judge each other, then a row for each judge, and the mean of these.

    Clean, random noise, then a column for each set. A judge that the attack used itself has a star and is left out of
    that set's mean. In square brackets Wilson's 95 % interval, for the images are a sample; the interval of a mean over
    judges is at least as wide as it must be. In round ones the thesis's figures, of its own models, copies and judges,
    which need not be those of the set.

    Args:
        evaluations: of sets of one data set, with the same ε and noise; clean accuracy and that under random noise are
            those of the set with the most images.
        under: `attack`, or `attack_l2` for changes of equal L2 norm, of which the thesis has no figures.
    """
    judges = _judges(evaluations)
    largest = max(evaluations, key=lambda e: e.images)
    images = f" ({largest.images} images)" if len({e.images for e in evaluations}) > 1 else ""
    columns: list[tuple[Measure, Evaluation, str]] = [
        ("clean", largest, f"clean{images}"),
        ("noise", largest, f"random noise{images}"),
        *((under, e, heading) for e, heading in zip(evaluations, _headings(evaluations), strict=True)),
    ]
    rows = [[judge] for judge in judges]
    means = ["mean"]
    for measure, evaluation, _ in columns:
        key = evaluation.set if measure == "attack" else measure
        published = STRENGTH.get(evaluation.data, {}).get(key, {})
        for row, judge in zip(rows, judges, strict=True):
            row.append(_judge_cell(evaluation, judge, measure, published))
        counted = [
            share
            for figures in own_rows(evaluation).values()
            if not _is_white_box(figures, measure) and (share := figures.share(measure)) is not None
        ]
        known = published["mean"] if set(published) == {*judges, "mean"} else None
        means.append(_cell(mean(counted), evaluation.images, known) if counted else "")
    if len(judges) > 1:
        rows.append(means)
    crossed = [[CROSS, *(_spread_cell(e, measure) for measure, e, _ in columns)]] if _any_cross(evaluations) else []
    change, where = ("ε·sign(δ)", " (Table 4.4 of the thesis)") if under == "attack" else ("r·δ/‖δ‖₂, equal L2", "")
    title = f"accuracy on x + {change}, ε = {largest.epsilon}, % [{INTERVAL}]{where}"
    note = notes(evaluations, empty, lengths, crossing)
    return Table(title, ["judge", *(heading for *_, heading in columns)], crossed + rows, note)


def crossing(evaluations: Evaluations) -> list[str]:
    """Who the models are that judge each other, and what their row says."""
    found: dict[str, list[str]] = {}
    for e in evaluations:
        if e.cross is not None:
            found.setdefault(cross_in_words(e.cross), []).append(e.set)
    if not found:
        return []
    who = "; ".join(words if len(found) == 1 else f"{', '.join(sets)}: {words}" for words, sets in found.items())
    return [f"row {CROSS!r}: mean, its {INTERVAL} (models and images being samples), lowest to highest of {who}"]


def _judges(evaluations: Evaluations) -> list[str]:
    return list(dict.fromkeys(judge for e in evaluations for judge in own_rows(e)))


def _any_cross(evaluations: Evaluations) -> bool:
    return any(e.cross is not None for e in evaluations)


def _cross_row(evaluations: Evaluations, cell: Callable[[Evaluation], str], label: str = CROSS) -> list[list[str]]:
    """Returns the one row of the models that judge each other; none where there are none."""
    return [[label, *map(cell, evaluations)]] if _any_cross(evaluations) else []


def _spread_cell(evaluation: Evaluation, name: ShareName) -> str:
    if evaluation.cross is None:
        return ""
    spread: Spread = evaluation.cross.share(name)
    return f"{100 * spread.value:.1f} [{100 * spread.low:.0f}, {100 * spread.high:.0f}], {spread.range_in_words}"


def _area(figures: JudgeFigures) -> str:
    """An area for a table of several sets, with a star for a white box."""
    assert figures.auc is not None
    auc = figures.auc
    star = "*" if figures.white_box else ""
    return f"{auc.value:.2f}{star} [{auc.low:.2f}, {auc.high:.2f}]{p_in_words(auc.p)}"


def _headings(evaluations: Evaluations) -> list[str]:
    """Sets and how many perturbations they average; of how many images, among how many answers, where that differs."""
    counts = [{"images": e.images, "answers": e.answers} for e in evaluations]
    differing = [key for key in ("images", "answers") if len({count[key] for count in counts}) > 1]
    return [
        f"{e.set} ({', '.join([str(e.perturbations_per_image), *(f'{count[key]} {key}' for key in differing)])})"
        for e, count in zip(evaluations, counts, strict=True)
    ]


def _judge_cell(evaluation: Evaluation, judge: str, measure: ShareName, published: dict[str, float]) -> str:
    figures = evaluation.judges.get(judge)
    share = None if figures is None else figures.share(measure)
    if figures is None or share is None:
        return ""
    star = "*" if _is_white_box(figures, measure) else ""
    return _cell(share, evaluation.images, published.get(judge, published.get(ANY)), star)


def _is_white_box(figures: JudgeFigures, measure: ShareName) -> bool:
    return figures.white_box and measure not in ("clean", "noise")


def _cell(share: float, images: int, published: float | None, star: str = "") -> str:
    low, high = wilson(share, images)
    interval = f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * share:.1f}{star}{interval}" + (f" ({published:g})" if published is not None else "")
