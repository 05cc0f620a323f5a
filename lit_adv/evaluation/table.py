"""The tables that people read: one set by its judges, and several sets in the shape of Tables 4.3 and 4.4."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from rich import table as rich_table
from rich.console import Console

from lit_adv.evaluation.intervals import Share, wilson
from lit_adv.evaluation.published import ANY, RECOGNIZED, STRENGTH
from lit_adv.evaluation.result import MEASURES, Evaluation, JudgeFigures, Measure
from lit_adv.html import page

INTERVAL: Final = "95 % interval"
SAME: Final = 0.5
"""Share of different pictures with one answer from which on a judge is said to hardly tell them apart."""
WIDE: Final = 130
"""Least width of a printed table, in characters."""

Evaluations = Sequence[Evaluation]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        title: above it.
        headings: of the columns.
        rows: of cells.
        note: below it; may be empty.
    """

    title: str
    headings: list[str]
    rows: list[list[str]]
    note: str = ""

    def print(self) -> None:
        """Prints it on standard output."""
        table = rich_table.Table(title=self.title, title_justify="left", show_lines=True)
        for position, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if position else "left", no_wrap=position == 0)
        for row in self.rows:
            table.add_row(*(cell.replace(" [", "\n[").replace(" (", "\n(") if len(row) > 4 else cell for cell in row))
        console = Console()
        Console(width=max(console.width, WIDE)).print(table)
        if self.note:
            console.print(self.note, highlight=False)

    def html(self) -> str:
        """Returns it as HTML, for notebooks."""
        return page("lit_adv.evaluation", "table.html", table=self)


def evaluation_table(evaluation: Evaluation) -> Table:
    """Returns the table of one evaluation, a row for each judge, with Wilson's 95 % intervals."""
    title = (
        f"{evaluation.set}, {evaluation.perturbations_per_image} averaged: "
        f"{evaluation.images} images, ε = {evaluation.epsilon}, shares with their {INTERVAL}"
    )
    rows = [
        [
            f"{name} (white box)" if figures.white_box else name,
            *(str(Share.of(figures.share(measure), evaluation.images)) for measure in MEASURES),
        ]
        for name, figures in evaluation.judges.items()
    ]
    return Table(title, ["judge", *MEASURES.values()], rows, _notes([evaluation], _indifferent, _empty))


def recognizability(evaluations: Evaluations) -> Table:
    """Table 4.3: a row for each judge, a column for each set; stars, intervals and brackets as in Table 4.4.

    Args:
        evaluations: of sets of one data set.
    """
    rows = [[judge] for judge in _judges(evaluations)]
    for evaluation in evaluations:
        published = RECOGNIZED.get(evaluation.data, {}).get(evaluation.set, {})
        for row in rows:
            row.append(_judge_cell(evaluation, row[0], "recognized", published))
    return Table(
        f"perturbations recognized, % [{INTERVAL}] (Table 4.3 of the thesis)",
        ["judge", *_headings(evaluations)],
        rows,
        _notes(evaluations, _indifferent, _empty),
    )


def strength(evaluations: Evaluations) -> Table:
    """Table 4.4: a row for each judge and their mean; clean, random noise, then a column for each set.

    A judge that the attack used itself has a star and is left out of that set's mean. In square brackets Wilson's 95 %
    interval, for the images are a sample; the interval of a mean over judges is at least as wide as it must be. In
    round ones the thesis's figures, of its own models, copies and judges, which need not be those of the set.

    Args:
        evaluations: of sets of one data set, with the same ε and noise; clean accuracy and that under random noise are
            those of the set with the most images.
    """
    judges = _judges(evaluations)
    largest = max(evaluations, key=lambda e: e.images)
    images = f" ({largest.images} images)" if len({e.images for e in evaluations}) > 1 else ""
    columns: list[tuple[Measure, Evaluation, str]] = [
        ("clean", largest, f"clean{images}"),
        ("noise", largest, f"random noise{images}"),
        *(("attack", e, heading) for e, heading in zip(evaluations, _headings(evaluations), strict=True)),
    ]
    rows = [[judge] for judge in judges]
    means = ["mean"]
    for measure, evaluation, _ in columns:
        key = evaluation.set if measure == "attack" else measure
        published = STRENGTH.get(evaluation.data, {}).get(key, {})
        for row, judge in zip(rows, judges, strict=True):
            row.append(_judge_cell(evaluation, judge, measure, published))
        counted = [
            figures.share(measure)
            for figures in evaluation.judges.values()
            if not (measure == "attack" and figures.white_box)
        ]
        known = published["mean"] if set(published) == {*judges, "mean"} else None
        means.append(_cell(mean(counted), evaluation.images, known) if counted else "")
    if len(judges) > 1:
        rows.append(means)
    title = f"accuracy on x + ε·sign(δ), ε = {largest.epsilon}, % [{INTERVAL}] (Table 4.4 of the thesis)"
    return Table(title, ["judge", *(heading for *_, heading in columns)], rows, _notes(evaluations, _empty))


def _judges(evaluations: Evaluations) -> list[str]:
    return list(dict.fromkeys(judge for e in evaluations for judge in e.judges))


def _headings(evaluations: Evaluations) -> list[str]:
    """Sets and how many perturbations they average; of how many images, among how many answers, where that differs."""
    counts = [{"images": e.images, "answers": e.answers} for e in evaluations]
    differing = [key for key in ("images", "answers") if len({count[key] for count in counts}) > 1]
    return [
        f"{e.set} ({', '.join([str(e.perturbations_per_image), *(f'{count[key]} {key}' for key in differing)])})"
        for e, count in zip(evaluations, counts, strict=True)
    ]


def _notes(evaluations: Evaluations, *kinds: Callable[[Evaluations], list[str]]) -> str:
    return "\n".join(f"{'; '.join(found)}." for kind in kinds if (found := kind(evaluations)))


def _indifferent(evaluations: Evaluations) -> list[str]:
    """Judges that give most perturbations of a set one answer, rightly or not."""
    found = []
    for evaluation in evaluations:
        judges = evaluation.judges
        shares = {
            judge: 100 * (figures.commonest or 0)
            for judge, figures in judges.items()
            if figures.recognized < SAME <= (figures.commonest or 0)
        }
        if len(shares) == 1:
            [(judge, share)] = shares.items()
            found.append(f"{judge} gives {share:.0f} % of {evaluation.set} the same answer")
        elif shares:
            given = f"{min(shares.values()):.0f} to {max(shares.values()):.0f} % of {evaluation.set}"
            found.append(f"{len(shares)} of {len(judges)} judges give {given} the same answer")
    return found


def _empty(evaluations: Evaluations) -> list[str]:
    """Sets with perturbations of 0, whose images are judged as they are."""
    return [f"{e.empty} of {e.images} perturbations of {e.set} are 0" for e in evaluations if e.empty]


def _judge_cell(evaluation: Evaluation, judge: str, measure: Measure, published: dict[str, float]) -> str:
    figures = evaluation.judges.get(judge)
    if figures is None:
        return ""
    star = "*" if _is_white_box(figures, measure) else ""
    return _cell(figures.share(measure), evaluation.images, published.get(judge, published.get(ANY)), star)


def _is_white_box(figures: JudgeFigures, measure: Measure) -> bool:
    return figures.white_box and measure in ("attack", "recognized")


def _cell(share: float, images: int, published: float | None, star: str = "") -> str:
    low, high = wilson(share, images)
    interval = f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * share:.1f}{star}{interval}" + (f" ({published:g})" if published is not None else "")
