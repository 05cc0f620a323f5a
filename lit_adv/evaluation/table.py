"""The tables that people read: one set by its judges, and several sets in the shape of Tables 4.3 and 4.4."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from lit_adv.evaluation.published import RECOGNIZED, STRENGTH

COLUMNS: Final = {
    "recognized": "perturbation recognized",
    "clean": "accuracy: clean",
    "noise": "random noise",
    "attack": "under attack",
}
"""Figures of an evaluation and their headings, in the order shown."""


@dataclass(frozen=True)
class Figures:
    """A table: headings and rows of cells."""

    title: str
    headings: list[str]
    rows: list[list[str]]

    def print(self) -> None:
        """Prints it on standard output."""
        table = Table(title=self.title, title_justify="left")
        for position, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if position else "left", no_wrap=position == 0)
        for row in self.rows:
            table.add_row(*row)
        console = Console()
        Console(width=max(console.width, 130)).print(table)


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
    Figures(title, ["judge", *COLUMNS.values()], rows).print()


def recognizability(evaluations: Sequence[dict[str, Any]]) -> Figures:
    """Table 4.3: a row for each judge, a column for each set; stars and brackets as in Table 4.4.

    Args:
        evaluations: of sets of the same images.
    """
    rows = [[judge] for judge in _judges(evaluations)]
    for evaluation in evaluations:
        published = RECOGNIZED.get(evaluation["data"], {}).get(evaluation["set"], {})
        for row in rows:
            row.append(_cell(evaluation["judges"].get(row[0]), "recognized", _known(published, evaluation, row[0])))
    return Figures(
        "perturbations recognized, % (in brackets: Table 4.3 of the thesis)",
        ["judge", *(_heading(e) for e in evaluations)],
        rows,
    )


def strength(evaluations: Sequence[dict[str, Any]]) -> Figures:
    """Table 4.4: a row for each judge and their mean; clean, random noise, then a column for each set.

    A judge that the attack used itself has a star and is left out of that set's mean. In brackets the thesis's
    figures, of its own models, copies and judges, which need not be those of the set.

    Args:
        evaluations: of sets of the same images, with the same ε and noise.
    """
    judges = _judges(evaluations)
    columns = [("clean", evaluations[0], "clean"), ("noise", evaluations[0], "random noise")]
    columns += [("attack", e, _heading(e)) for e in evaluations]
    rows = [[judge] for judge in judges]
    means = ["mean"]
    for key, evaluation, _ in columns:
        published = STRENGTH.get(evaluation["data"], {}).get(evaluation["set"] if key == "attack" else key, {})
        found = evaluation["judges"]
        for row, judge in zip(rows, judges, strict=True):
            row.append(_cell(found.get(judge), key, _known(published, evaluation, judge)))
        counted = [f[key] for f in found.values() if not (key == "attack" and f["white_box"])]
        same_judges = set(published) == {*judges, "mean"}
        means.append(_cell({key: mean(counted)}, key, published["mean"] if same_judges else None) if counted else "")
    if len(judges) > 1:
        rows.append(means)
    title = f"accuracy on x + ε·sign(δ), %, ε = {evaluations[0]['epsilon']} (in brackets: Table 4.4 of the thesis)"
    return Figures(title, ["judge", *(heading for *_, heading in columns)], rows)


def _judges(evaluations: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(judge for e in evaluations for judge in e["judges"]))


def _heading(evaluation: dict[str, Any]) -> str:
    return f"{evaluation['set']} ({evaluation['perturbations_per_image']})"


def _judge(name: str, figures: dict[str, Any]) -> str:
    return f"{name} (white box)" if figures["white_box"] else name


def _known(published: dict[str, float], evaluation: dict[str, Any], judge: str) -> float | None:
    return published.get("any" if evaluation["data"] == "mnist" else judge)


def _cell(figures: dict[str, Any] | None, key: str, published: float | None) -> str:
    if figures is None:
        return ""
    star = "*" if key in ("attack", "recognized") and figures.get("white_box") else ""
    return f"{100 * figures[key]:.1f}{star}" + (f" ({published:g})" if published is not None else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
