"""The tables that people read: one set by its judges, and several sets in the shape of Tables 4.3 and 4.4."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from lit_adv.evaluation.intervals import wilson
from lit_adv.evaluation.published import ANY, RECOGNIZED, STRENGTH

COLUMNS: Final = {
    "recognized": "perturbation recognized",
    "clean": "accuracy: clean",
    "noise": "random noise",
    "attack": "under attack",
}
"""Figures of an evaluation and their headings, in the order shown."""
INTERVAL: Final = "95 % interval"
SAME: Final = 0.5
"""A judge that gives so large a share of different pictures one answer hardly tells them apart."""


@dataclass(frozen=True)
class Figures:
    """A table: headings and rows of cells, and what stands below it."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    note: str = ""

    def print(self) -> None:
        """Prints it on standard output."""
        table = Table(title=self.title, title_justify="left", show_lines=True)
        for position, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if position else "left", no_wrap=position == 0)
        for row in self.rows:
            table.add_row(*(cell.replace(" [", "\n[").replace(" (", "\n(") if len(row) > 4 else cell for cell in row))
        console = Console()
        Console(width=max(console.width, 130)).print(table)
        if self.note:
            console.print(self.note, highlight=False)


def print_table(evaluation: dict[str, Any]) -> None:
    """Prints one evaluation, a row for each judge."""
    title = (
        f"{evaluation['set']}, {evaluation['perturbations_per_image']} averaged: "
        f"{evaluation['images']} images, ε = {evaluation['epsilon']}"
    )
    rows = [
        [_judge(name, figures), *(_percent(figures[key]) for key in COLUMNS)]
        for name, figures in evaluation["judges"].items()
    ]
    Figures(title, ["judge", *COLUMNS.values()], rows, _notes([evaluation], _indifferent, _empty)).print()


def recognizability(evaluations: Sequence[dict[str, Any]]) -> Figures:
    """Table 4.3: a row for each judge, a column for each set; stars, intervals and brackets as in Table 4.4.

    Args:
        evaluations: of sets of one data set.
    """
    rows = [[judge] for judge in _judges(evaluations)]
    for evaluation in evaluations:
        published = RECOGNIZED.get(evaluation["data"], {}).get(evaluation["set"], {})
        for row in rows:
            known = _known(published, evaluation, row[0])
            row.append(_cell(evaluation["judges"].get(row[0]), "recognized", evaluation["images"], known))
    return Figures(
        f"perturbations recognized, % [{INTERVAL}] (Table 4.3 of the thesis)",
        ["judge", *_headings(evaluations)],
        rows,
        _notes(evaluations, _indifferent, _empty),
    )


def strength(evaluations: Sequence[dict[str, Any]]) -> Figures:
    """Table 4.4: a row for each judge and their mean; clean, random noise, then a column for each set.

    A judge that the attack used itself has a star and is left out of that set's mean. In square brackets Wilson's 95 %
    interval, for the images are a sample; that of a mean over judges is at least as wide as it must be. In round ones
    the thesis's figures, of its own models, copies and judges, which need not be those of the set.

    Args:
        evaluations: of sets of one data set, with the same ε and noise; clean accuracy and that under random noise are
            those of the set with the most images.
    """
    judges = _judges(evaluations)
    largest = max(evaluations, key=lambda e: e["images"])
    of = f" ({largest['images']} images)" if _differ(evaluations, "images") else ""
    columns = [("clean", largest, f"clean{of}"), ("noise", largest, f"random noise{of}")]
    columns += [("attack", e, heading) for e, heading in zip(evaluations, _headings(evaluations), strict=True)]
    rows = [[judge] for judge in judges]
    means = ["mean"]
    for key, evaluation, _ in columns:
        published = STRENGTH.get(evaluation["data"], {}).get(evaluation["set"] if key == "attack" else key, {})
        found = evaluation["judges"]
        for row, judge in zip(rows, judges, strict=True):
            row.append(_cell(found.get(judge), key, evaluation["images"], _known(published, evaluation, judge)))
        counted = [f[key] for f in found.values() if not (key == "attack" and f["white_box"])]
        known = published["mean"] if set(published) == {*judges, "mean"} else None
        means.append(_cell({key: mean(counted)}, key, evaluation["images"], known) if counted else "")
    if len(judges) > 1:
        rows.append(means)
    title = f"accuracy on x + ε·sign(δ), ε = {largest['epsilon']}, % [{INTERVAL}] (Table 4.4 of the thesis)"
    return Figures(title, ["judge", *(heading for *_, heading in columns)], rows, _notes(evaluations, _empty))


def _judges(evaluations: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(judge for e in evaluations for judge in e["judges"]))


def _headings(evaluations: Sequence[dict[str, Any]]) -> list[str]:
    """Sets and how many perturbations they average; of how many images, among how many answers, where that differs."""
    differing = [key for key in ("images", "answers") if _differ(evaluations, key)]
    return [
        f"{e['set']} ({', '.join([str(e['perturbations_per_image']), *(f'{e[key]} {key}' for key in differing)])})"
        for e in evaluations
    ]


Evaluations = Sequence[dict[str, Any]]


def _notes(evaluations: Evaluations, *kinds: Callable[[Evaluations], list[str]]) -> str:
    return "\n".join(f"{'; '.join(found)}." for kind in kinds if (found := kind(evaluations)))


def _indifferent(evaluations: Evaluations) -> list[str]:
    """Judges that give most perturbations of a set one answer, rightly or not."""
    found = []
    for evaluation in evaluations:
        judges = evaluation["judges"]
        shares = {
            judge: 100 * figures["commonest"]
            for judge, figures in judges.items()
            if figures["recognized"] < SAME <= figures.get("commonest", 0)
        }
        if len(shares) == 1:
            [(judge, share)] = shares.items()
            found.append(f"{judge} gives {share:.0f} % of {evaluation['set']} the same answer")
        elif shares:
            given = f"{min(shares.values()):.0f} to {max(shares.values()):.0f} % of {evaluation['set']}"
            found.append(f"{len(shares)} of {len(judges)} judges give {given} the same answer")
    return found


def _empty(evaluations: Evaluations) -> list[str]:
    """Sets with perturbations of 0, whose images are judged as they are."""
    return [
        f"{evaluation['empty']} of {evaluation['images']} perturbations of {evaluation['set']} are 0"
        for evaluation in evaluations
        if evaluation.get("empty")
    ]


def _differ(evaluations: Sequence[dict[str, Any]], key: str) -> bool:
    return len({e[key] for e in evaluations}) > 1


def _judge(name: str, figures: dict[str, Any]) -> str:
    return f"{name} (white box)" if figures["white_box"] else name


def _known(published: dict[str, float], evaluation: dict[str, Any], judge: str) -> float | None:
    return published.get(judge, published.get(ANY))


def _cell(figures: dict[str, Any] | None, key: str, images: int, published: float | None) -> str:
    if figures is None:
        return ""
    star = "*" if key in ("attack", "recognized") and figures.get("white_box") else ""
    low, high = wilson(figures[key], images)
    interval = f" [{100 * low:.0f}, {100 * high:.0f}]"
    return f"{100 * figures[key]:.1f}{star}{interval}" + (f" ({published:g})" if published is not None else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
