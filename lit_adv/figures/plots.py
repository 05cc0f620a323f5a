"""Plots for papers: one colour, marker and dash for each attack, readable in grey."""

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lit_adv.evaluation.masking_effect import Point

STYLES: Final = {
    "bim": ("#0072B2", "o", "-"),
    "cw": ("#D55E00", "s", "--"),
    "deepfool": ("#009E73", "^", "-."),
    "square": ("#CC79A7", "D", ":"),
    "gradient": ("#000000", "v", (0, (5, 1, 1, 1))),
}
"""Colour (Okabe and Ito's, told apart by the colour-blind too), marker and dash of each attack."""
LABELS: Final = {"bim": "BIM", "cw": "CW", "deepfool": "DeepFool", "square": "Square", "gradient": "gradient"}
PANEL: Final = (3.6, 2.9)
"""Size of a panel in inches."""


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """Returns a figure with panels side by side."""
    figure = Figure(figsize=(PANEL[0] * count, PANEL[1]), layout="constrained")
    first = figure.add_subplot(1, count, 1)
    return figure, [first, *(figure.add_subplot(1, count, place + 1) for place in range(1, count))]


def curves(axes: Axes, lines: Mapping[tuple[str, str], Sequence[Point]]) -> None:
    """Draws mean curves, by attack and part, with a band from the lowest to the highest test model.

    The background has open markers.
    """
    for (attack, part), points in lines.items():
        colour, marker, dash = STYLES[attack]
        x, mean = [p.x for p in points], [p.mean for p in points]
        face = "white" if part == "background" else colour
        axes.plot(
            x, mean, color=colour, marker=marker, linestyle=dash, markersize=4, linewidth=1.3, markerfacecolor=face,
            label=f"{LABELS[attack]} {part}",
        )  # fmt: skip
        if len(points[0].accuracy) > 1:
            low, high = [min(p.accuracy) for p in points], [max(p.accuracy) for p in points]
            axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
    plain(axes)


def plain(axes: Axes) -> None:
    """Draws a light grid, and no box."""
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def legend_below(figure: Figure, axes: Axes, columns: int) -> None:
    """Draws one legend for all panels, below them."""
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False, fontsize=8
    )


def matrix(axes: Axes, values: Tensor, names: Sequence[str], title: str) -> None:
    """Draws a square matrix of similarities with its numbers."""
    axes.imshow(values.numpy(), cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title, fontsize=10)
    for row in range(len(names)):
        for column in range(len(names)):
            value = float(values[row, column])
            colour = "white" if value > 0.5 else "black"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
