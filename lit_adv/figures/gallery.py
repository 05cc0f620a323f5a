"""Galleries of images and perturbations."""

from collections.abc import Sequence
from io import BytesIO
from textwrap import fill
from typing import Final

import torch
from matplotlib.figure import Figure
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.perturbations.replicas import check_whole
from lit_adv.perturbations.showing import picture, titled, ways

DPI: Final = 110
MOST_COLUMNS: Final = 10


def picture_rows(
    sets: Sequence[PerturbationSet], index: Tensor, show: Sequence[str] = ("thesis",)
) -> list[tuple[str, Tensor]]:
    """Returns the images at `index`, and each set's pictures for them, in each way of `showing.ways` that is named.

    The sets are of the same images.
    """
    rows = [("image", sets[0].image[index])]
    for one in sets:
        known = with_rho(one)
        for name, way in ways(one, show).items():
            rows.append((known if name == "thesis" else f"{known}, {titled(name, way)}", picture(one, index, way)))
    return rows


def with_rho(one: PerturbationSet) -> str:
    """Returns a set's name, and its ρ where the set keeps groups of source models."""
    found = Reliability.known(one)
    return one.name if found is None else f"{one.name}, ρ = {found.rho:.2f}"


class Gallery(Figure):
    """Labelled grid of pictures, a matplotlib figure that shows itself in notebooks."""

    def png(self) -> bytes:
        """Returns it as a PNG file."""
        content = BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


def gallery(
    *sets: PerturbationSet, per_class: int = 1, columns: int = MOST_COLUMNS, show: str | Sequence[str] = "thesis"
) -> Gallery:
    """Draws images and their perturbations: a row for the images, and for each set one for each way of showing it.

    As the thesis shows them (4.6.6), −δ has the mean and standard deviation of the data set, untargeted; targeted, δ is
    grey where it is 0.

    Args:
        sets: perturbation sets of the same images.
        per_class: number of images of each class, or all that a class has.
        columns: pictures side by side; longer rows continue below.
        show: a way of showing δ, or several: `thesis`, `percentiles`, `agreement` (of pixels where models agree more
            is shown), `luminance`, `blur` and `best`, which is all of these.

    Returns:
        A matplotlib figure; `.savefig(path)` writes it.

    Raises:
        InputError: there is no set, the sets are of different images, a number is below 1, or a way is unknown.

    Example:
        >>> import lit_adv, torch
        >>> images, labels = lit_adv.digits(per_class=1)
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval()
        >>> found = lit_adv.average([model], images, labels, lit_adv.BIM(epsilon=0.2, steps=2))
        >>> figure = lit_adv.gallery(found)
        >>> len(figure.axes)
        20
    """
    if not sets or not all(isinstance(one, PerturbationSet) and len(one.label) for one in sets):
        raise InputError("gallery needs perturbation sets with images, one by one: gallery(one, many)")
    for number, other in enumerate(sets[1:], 2):
        if not torch.equal(other.image, sets[0].image):
            raise InputError(f"perturbation sets 1 and {number} are of different images; a gallery needs the same ones")
    check_whole("per_class", per_class, 1)
    check_whole("columns", columns, 1)
    label = sets[0].label
    index = torch.cat([(label == c).nonzero()[:per_class, 0] for c in label.unique()])
    rows = picture_rows(sets, index, [show] if isinstance(show, str) else show)
    return picture_grid(rows, min(columns, len(index)), cell_of(rows))


def gallery_row(rows: Sequence[tuple[str, Tensor]]) -> bytes:
    """Returns a gallery with at most ten pictures side by side, in a size that suits them, as PNG."""
    return picture_grid(rows, min(MOST_COLUMNS, len(rows[0][1])), cell_of(rows)).png()


def cell_of(rows: Sequence[tuple[str, Tensor]]) -> float:
    """Returns the side length in inches that suits pictures."""
    return 0.75 if rows[0][1].shape[-1] <= 64 else 1.3


def picture_grid(rows: Sequence[tuple[str, Tensor]], columns: int, cell: float = 0.75) -> Gallery:
    """Draws a labelled grid of pictures; rows longer than `columns` continue in further bands.

    Args:
        rows: name and pictures `[N, C, H, W]`, C 1 or 3; values are clipped to [0, 1]. All rows have the same N.
        columns: pictures side by side.
        cell: side length of a picture in inches.
    """
    total, side = len(rows[0][1]), rows[0][1].shape[-1]
    interpolation = "nearest" if side <= cell * DPI else "antialiased"
    bands = -(-total // columns)
    figure = Gallery(figsize=(cell * columns + 1.1, bands * (cell * len(rows) + 0.12)), dpi=DPI)
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
    return figure
