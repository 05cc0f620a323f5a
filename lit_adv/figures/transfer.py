"""The transfer table as files: Markdown, LaTeX, CSV, and a picture."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from lit_adv.evaluation.table import Table
from lit_adv.evaluation.transfer import Transfer, transfer_table
from lit_adv.figures.plots import plain
from lit_adv.files import atomic_path

TEX = str.maketrans({"%": r"\%", "&": r"\&", "_": r"\_", "#": r"\#", "∞": r"$_\infty$", "−": "--"})
"""Signs that LaTeX takes for something else."""


def write_transfer(rows: Sequence[Transfer], names: Sequence[str], out: Path) -> Table:
    """Writes `transfer.md`, `.tex`, `.csv` and `.png`; returns the table.

    Args:
        rows: of sets of the same images.
        names: of the sets, as they are to be called.
        out: folder.
    """
    table = transfer_table(rows, names)
    texts = {"md": markdown(table), "tex": latex(table), "csv": comma_separated(rows, names)}
    for ending, text in texts.items():
        with atomic_path(out / f"transfer.{ending}") as temporary:
            temporary.write_text(text, encoding="utf-8")
    with atomic_path(out / "transfer.png") as temporary:
        plot(rows, names).savefig(temporary, format="png", dpi=150)
    return table


def markdown(table: Table) -> str:
    """Returns a table in Markdown, its note below."""
    lines = [table.headings, ["---"] * len(table.headings), *table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{table.note}\n"


def latex(table: Table) -> str:
    """Returns a table in LaTeX, for `booktabs`, its note as a comment."""
    rows = [" & ".join(cell.translate(TEX) for cell in row) + r" \\" for row in (table.headings, *table.rows)]
    columns = "l" + "r" * (len(table.headings) - 1)
    body = [rows[0], r"\midrule", *rows[1:]]
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([f"% {table.note}", *lines]) + "\n"


def comma_separated(rows: Sequence[Transfer], names: Sequence[str]) -> str:
    """Returns the numbers as CSV, shares in [0, 1] with both ends of their intervals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shares = ("of all", "of right", "8 bits", "more than first")
    ends = [f"{share}{end}" for share in shares for end in ("", " low", " high")]
    writer.writerow(["set", "models", "gradients", "linf", "l2", *ends])
    for name, row in zip(names, rows, strict=True):
        found = (row.of_all, row.of_right, row.rounded, row.more_than(rows[0]))
        ends_of = [("",) * 3 if share is None else (share.value, share.low, share.high) for share in found]
        values = [f"{value:.5f}" if value != "" else "" for three in ends_of for value in three]
        given = "" if row.gradients is None else row.gradients
        writer.writerow([name, row.models, given, f"{row.linf:.5f}", f"{row.l2:.5f}", *values])
    return text.getvalue()


def plot(rows: Sequence[Transfer], names: Sequence[str]) -> Figure:
    """Draws the success of all images with its interval, a line for each set, the first on top."""
    figure = Figure(figsize=(6.4, 0.9 + 0.34 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(rows), 0, -1)
    for place, row in zip(places, rows, strict=True):
        share = row.of_all
        away = [[100 * (share.value - share.low)], [100 * (share.high - share.value)]]
        axes.errorbar(100 * share.value, place, xerr=away, fmt="o", color="black", capsize=3)
        axes.plot(100 * row.rounded.value, place, "s", markerfacecolor="white", color="black", markersize=4)
    axes.set_yticks(list(places), names)
    axes.set_xlim(0, 100)
    axes.set_xlabel("wrong answers, % (filled: with 95 % interval; open: after eight bits)")
    plain(axes)
    return figure
