"""Galleries: pictures in their places, rows broken into bands."""

from io import BytesIO

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.figures.gallery import DPI, gallery, gallery_row, picture_grid
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet

INCHES = 0.75


def pixels(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def greys(*levels: float) -> Tensor:
    """Pictures `[N, 1, 8, 8]` of one grey each."""
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


@pytest.mark.parametrize(("count", "columns", "bands"), [(10, 10, 1), (11, 10, 2), (7, 3, 3)])
def test_long_rows_are_broken_into_bands(count: int, columns: int, bands: int) -> None:
    rows = [("image", greys(*[0.5] * count)), ("SM BIM", greys(*[0.5] * count))]
    height, width, _ = pixels(picture_grid(rows, columns, INCHES).png()).shape
    assert height == pytest.approx(DPI * bands * (2 * INCHES + 0.12), abs=1)
    assert width == pytest.approx(DPI * (columns * INCHES + 1.1), abs=1)


def test_each_picture_stands_in_its_row_and_column() -> None:
    found = pixels(picture_grid([("a", greys(0.2, 0.4)), ("b", greys(0.6, 0.8))], 2, INCHES).png())
    height, width, _ = found.shape
    left = width - 2 * INCHES * DPI
    centres = [
        found[round(height * (0.25 + 0.5 * row) * 0.93), round(left + INCHES * DPI * (0.5 + column))].tolist()
        for row in (0, 1)
        for column in (0, 1)
    ]
    expected = [[round(255 * level)] * 3 for level in (0.2, 0.4, 0.6, 0.8)]
    assert np.abs(np.subtract(centres, expected)).max() <= 2


def test_values_outside_are_clipped_and_nothing_is_changed() -> None:
    pictures = greys(-3.0, 4.0).clone()
    before = pictures.clone()
    clipped = gallery_row([("a", greys(0.0, 1.0))])
    assert gallery_row([("a", pictures)]) == clipped
    assert torch.equal(pictures, before)


def test_colours_are_kept() -> None:
    red = torch.zeros(1, 3, 8, 8)
    red[:, 0] = 1
    found = pixels(gallery_row([("a", red)]))
    assert (found == [255, 0, 0]).all(-1).sum() > (INCHES * DPI) ** 2 / 2


def small_set(*labels: int, grey: float = 0.5) -> PerturbationSet:
    count = len(labels)
    return PerturbationSet(
        perturbation=torch.linspace(-1, 1, count * 64).view(count, 1, 8, 8),
        image=torch.full((count, 1, 8, 8), grey),
        label=torch.tensor(labels),
        count=torch.ones(count, dtype=torch.int64),
        manifest=Manifest(setting="SM", attack=AttackRecord("BIM"), data=DataRecord("mnist")),
    )


def test_a_gallery_has_a_row_for_the_images_and_each_set() -> None:
    one = small_set(0, 0, 1, 1, 1)
    figure = gallery(one, one)
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["image", "SM BIM", "SM BIM"]
    assert len(figure.axes) == 3 * 2
    assert len(gallery(one, per_class=2, columns=3).axes) == 2 * 4
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert isinstance(figure, Figure)


def test_galleries_that_make_no_sense() -> None:
    with pytest.raises(InputError, match="needs perturbation sets with images, one by one"):
        gallery()
    with pytest.raises(InputError, match="sets 1 and 2 are of different images"):
        gallery(small_set(0, 1), small_set(0, 1, grey=0.4))
    with pytest.raises(InputError, match="columns is 0"):
        gallery(small_set(0), columns=0)


def test_ways_of_showing_have_rows_of_their_own() -> None:
    one = small_set(0, 1)
    for show in ("blur", ["blur"]):
        figure = gallery(one, show=show)
        assert [axes.get_ylabel().replace("\n", " ") for axes in figure.axes if axes.get_ylabel()] == [
            "image", "SM BIM, blur 0.05 px",
        ]  # fmt: skip
    assert len(gallery(one, one, show=("thesis", "best")).axes) == 2 * 5
    with pytest.raises(InputError, match="no way of showing"):
        gallery(one, show="sharp")
