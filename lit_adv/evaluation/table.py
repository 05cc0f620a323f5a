"""The table that people read."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

COLUMNS: Final = {
    "recognized": "perturbation recognized",
    "clean": "accuracy: clean",
    "noise": "random noise",
    "attack": "under attack",
}
"""Figures of an evaluation and their headings, in the order shown."""


def rows(evaluations: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """One row for each set and judge: set, perturbations per image, judge, the figures of `COLUMNS` in percent."""
    for evaluation in evaluations:
        for judge, figures in evaluation["judges"].items():
            name = f"{judge} (white box)" if figures["white_box"] else judge
            percent = [f"{100 * figures[key]:.1f} %" for key in COLUMNS]
            yield [evaluation["set"], str(evaluation["perturbations_per_image"]), name, *percent]


HEADINGS: Final = ["set", "averaged", "judge", *COLUMNS.values()]


def print_table(evaluations: Sequence[dict[str, Any]]) -> None:
    """Prints evaluations as a table on standard output."""
    first = evaluations[0]
    table = Table(title=f"{first['images']} images, ε = {first['epsilon']}", title_justify="left")
    for position, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if position in (0, 2) else "right")
    for row in rows(evaluations):
        table.add_row(*row)
    console = Console()
    Console(width=max(console.width, 110)).print(table)
