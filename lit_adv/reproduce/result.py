"""The result of a figure or table, in memory and on disk."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isnan
from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.figure import Figure

from lit_adv.evaluation.intervals import wilson
from lit_adv.evaluation.table import Table
from lit_adv.files import atomic_path, write_json

Row = Mapping[str, Any]
FIGURE: Final = "figure.json"
LOW_AND_HIGH: Final = "Low and high are the ends of 95 % intervals that follow from the number of images (Wilson)."


@dataclass(frozen=True, kw_only=True)
class FigureResult:
    """Pictures and numbers of one figure or table.

    Attributes:
        plots: drawn by matplotlib, by name; written as PNG and PDF.
        pictures: PNG files, by name.
        tables: for people.
        numbers: rows with the same keys, by name; written as CSV.
        note: sentences that a reader needs to understand these.
    """

    plots: Mapping[str, Figure] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    numbers: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    note: str = ""

    def save(self, folder: Path, about: Row) -> None:
        """Writes pictures, numbers and, last, `figure.json`.

        Args:
            folder: of the figure.
            about: further content of `figure.json`.
        """
        (folder / FIGURE).unlink(missing_ok=True)
        for name, plot in self.plots.items():
            for ending, metadata in (("png", None), ("pdf", {"CreationDate": None})):
                with atomic_path(folder / f"{name}.{ending}") as temporary, rc_context({"pdf.fonttype": 42}):
                    plot.savefig(temporary, format=ending, dpi=160, metadata=metadata)
        for name, png in self.pictures.items():
            with atomic_path(folder / f"{name}.png") as temporary:
                temporary.write_bytes(png)
        for name, rows in self.numbers.items():
            with atomic_path(folder / f"{name}.csv") as temporary:
                temporary.write_text(as_csv(rows), encoding="utf-8")
        content = {
            **about,
            "note": self.note,
            "plots": list(self.plots),
            "pictures": list(self.pictures),
            "tables": [asdict(table) for table in self.tables],
            "numbers": {name: list(rows) for name, rows in self.numbers.items()},
        }
        write_json(folder / FIGURE, content)


def number_or_none(value: float, decimals: int = 4) -> float | None:
    """Returns the rounded value; None for NaN, which JSON has not."""
    return None if isnan(value) else round(value, decimals)


def value_and_ends(name: str, values: tuple[float, float, float] | None, decimals: int = 4) -> dict[str, float | None]:
    """Returns a value and both ends of its interval, by heading; None for what is not known."""
    headings = (name, f"{name} low", f"{name} high")
    if values is None:
        return dict.fromkeys(headings)
    return {heading: number_or_none(value, decimals) for heading, value in zip(headings, values, strict=True)}


def with_interval(name: str, share: float, images: int) -> dict[str, float]:
    """Returns a share of images and both ends of its 95 % interval, by heading, with five decimals."""
    low, high = wilson(share, images)
    return {name: round(share, 5), f"{name} low": round(low, 5), f"{name} high": round(high, 5)}


def as_csv(rows: Sequence[Row]) -> str:
    """Returns rows with the same keys as comma-separated values, the keys first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
