"""The table of one evaluated set, for people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from rich import table as rich_table
from rich.console import Console

from lit_adv.evaluation.auc import PERMUTATIONS
from lit_adv.evaluation.cross import Cross
from lit_adv.evaluation.intervals import Share
from lit_adv.evaluation.judge_figures import SHARES, JudgeFigures, ShareName
from lit_adv.evaluation.result import Evaluation
from lit_adv.html import page

INTERVAL: Final = "95 % interval"
AREA: Final = "AUC"
"""Heading of the area under the ROC curve."""
FEW: Final = 2
"""Largest number of judges of each other that have rows of their own."""
SAME: Final = 0.5
"""Share of different pictures with one answer from which on a judge is said to hardly tell them apart."""
LABEL: Final = 28
"""Width to which the first column of a wide table is broken, in characters."""
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
            table.add_row(*(_broken(row) if len(row) > 4 else row))
        console = Console()
        Console(width=max(console.width, WIDE)).print(table)
        if self.note:
            console.print(self.note, highlight=False)

    def html(self) -> str:
        """Returns it as HTML, for notebooks."""
        return page("lit_adv.evaluation", "table.html", table=self)


def evaluation_table(evaluation: Evaluation) -> Table:
    """Returns the table of one evaluation: the models that judge each other, then a row for each other judge.

    Shares have Wilson's 95 % intervals; those of models that judge each other have those of `two_way_interval`, with
    the lowest and the highest judge. Columns of which a file of an older version knows nothing are left out.
    """
    title = (
        f"{evaluation.set}, {evaluation.perturbations_per_image} averaged: "
        f"{evaluation.images} images, ε = {evaluation.epsilon}, shares with their {INTERVAL}"
    )
    rows = [] if evaluation.cross is None else [_cross_row(evaluation.cross)]
    rows += [_row(name, figures, evaluation.images) for name, figures in own_rows(evaluation).items()]
    headings = ["judge", *SHARES.values()]
    headings.insert(3, AREA)
    known = [place for place in range(len(headings)) if any(row[place] for row in rows)]
    kept = [[row[place] for place in known] for row in rows]
    note = notes([evaluation], indifferent, empty, lengths, areas_explained)
    return Table(title, [headings[place] for place in known], kept, note)


def own_rows(evaluation: Evaluation) -> dict[str, JudgeFigures]:
    """Returns the judges that have rows of their own: those that are not among many that judge each other."""
    many = evaluation.cross is not None and evaluation.cross.judges > FEW
    return {name: figures for name, figures in evaluation.judges.items() if not (many and figures.cross)}


def cross_in_words(cross: Cross) -> str:
    """Returns who the models are that judge each other, and what they see."""
    if cross.without == 0:
        return f"{cross.judges} source models, not attacked for this set"
    if cross.without == cross.judges:
        return f"{cross.judges} source models, each on the average without its own group"
    return f"{cross.judges} source models, none on an average that it helped to make"


def _cross_row(cross: Cross) -> list[str]:
    cells = {name: str(cross.share(name)) for name in SHARES}
    return [cross_in_words(cross), *_with_area(cells, cross.area_in_words)]


def _row(name: str, figures: JudgeFigures, images: int) -> list[str]:
    marks = [
        *(["white box"] if figures.white_box else []),
        *([f"without {figures.without} of the models"] if figures.without else []),
    ]
    shares = {key: figures.share(key) for key in SHARES}
    cells = {key: "" if share is None else str(Share.of(share, images)) for key, share in shares.items()}
    label = f"{name} ({', '.join(marks)})" if marks else name
    return [label, *_with_area(cells, "" if figures.auc is None else str(figures.auc))]


def _with_area(cells: dict[ShareName, str], area: str) -> list[str]:
    """Returns cells in the order of `SHARES`, the area third."""
    first, second, *others = cells.values()
    return [first, second, area, *others]


def _broken(row: list[str]) -> list[str]:
    """Breaks the cells of a wide table into lines."""
    label, *cells = row
    for before, after in ((" [", "\n["), (" (", "\n("), ("], ", "],\n")):
        cells = [cell.replace(before, after) for cell in cells]
    return ["\n".join(wrap(label, LABEL, break_long_words=False, break_on_hyphens=False)), *cells]


def notes(evaluations: Evaluations, *kinds: Callable[[Evaluations], list[str]]) -> str:
    """Returns a line for each kind of note that has anything to say."""
    return "\n".join(f"{'; '.join(found)}." for kind in kinds if (found := kind(evaluations)))


def indifferent(evaluations: Evaluations) -> list[str]:
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


def empty(evaluations: Evaluations) -> list[str]:
    """Sets with perturbations of 0, whose images are judged as they are."""
    return [f"{e.empty} of {e.images} perturbations of {e.set} are 0" for e in evaluations if e.empty]


def lengths(evaluations: Evaluations) -> list[str]:
    """How long the changes of the images are: sets of the same lengths in one go."""
    found: dict[str, list[str]] = {}
    for e in evaluations:
        if e.norms is not None:
            signs, equal = e.norms["attack"], e.norms["attack_l2"]
            words = (
                f"ε·sign(δ): L∞ {signs.linf:.3g}, L2 {signs.l2:.3g}; equal L2: L∞ {equal.linf:.3g}, L2 {equal.l2:.3g} "
                "(means over images)"
            )
            found.setdefault(words, []).append(e.set)
    one = len(evaluations) == 1
    return [words if one else f"{', '.join(sets)}: {words}" for words, sets in found.items()]


def areas_explained(evaluations: Evaluations) -> list[str]:
    """What the area under the ROC curve is, where there is one."""
    known = [figures.auc for e in evaluations for figures in e.judges.values() if figures.auc is not None]
    if not known:
        return []
    return [
        "AUC: area under the ROC curve of each class's logit, its perturbations against the others, the mean over "
        f"classes; chance is 0.5; p from {PERMUTATIONS} permutations of the labels; prior off: recognized where the "
        "mean of each class's logit over the perturbations is taken off"
    ]
