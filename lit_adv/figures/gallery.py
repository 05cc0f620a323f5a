"""Galleries of images and perturbations."""

from collections.abc import Sequence
from io import BytesIO
from textwrap import fill
from typing import Final

from matplotlib.figure import Figure
from torch import Tensor

from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import as_picture

DPI: Final = 110
MOST_COLUMNS: Final = 10


def picture_rows(sets: Sequence[PerturbationSet], index: Tensor) -> list[tuple[str, Tensor]]:
    """Returns the images at `index` and each set's pictures for them; the sets are of the same images."""
    return [("image", sets[0].image[index]), *((one.name, as_picture(one, index)) for one in sets)]


def gallery_row(rows: Sequence[tuple[str, Tensor]]) -> bytes:
    """Returns a gallery with at most ten pictures side by side, in a size that suits them, as PNG."""
    pictures = rows[0][1]
    return gallery(rows, min(MOST_COLUMNS, len(pictures)), 0.75 if pictures.shape[-1] <= 64 else 1.3)


def gallery(rows: Sequence[tuple[str, Tensor]], columns: int, cell: float = 0.75) -> bytes:
    """Returns a labelled grid of pictures as PNG; rows longer than `columns` continue in further bands.

    Args:
        rows: name and pictures `[N, C, H, W]`, C 1 or 3; values are clipped to [0, 1]. All rows have the same N.
        columns: pictures side by side.
        cell: side length of a picture in inches.
    """
    total, side = len(rows[0][1]), rows[0][1].shape[-1]
    interpolation = "nearest" if side <= cell * DPI else "antialiased"
    bands = -(-total // columns)
    figure = Figure(figsize=(cell * columns + 1.1, bands * (cell * len(rows) + 0.12)), dpi=DPI)
    heights = [h for _ in range(bands) for h in (*[1.0] * len(rows), 0.16)]
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights, wspace=0.05, hspace=0.05)
    figure.subplots_adjust(left=1.1 / (cell * columns + 1.1), right=0.998, top=0.998, bottom=0.002)
    for place in range(total):
        band, column = divmod(place, columns)
        for row, (name, pictures) in enumerate(rows):
            axes = figure.add_subplot(grid[band * (len(rows) + 1) + row, column])
            picture = pictures[place].detach().cpu().clamp(0, 1).permute(1, 2, 0).numpy()
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation=interpolation)
            axes.set_xticks([])
            axes.set_yticks([])
            if column == 0:
                axes.set_ylabel(fill(name, 13), rotation=0, ha="right", va="center", fontsize=9)
    png = BytesIO()
    figure.savefig(png, format="png")
    return png.getvalue()
