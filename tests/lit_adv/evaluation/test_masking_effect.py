"""Contour against background on a model that looks at known pixels."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lit_adv.evaluation.masking_effect import Masked, Point, area_ratio, by_area, by_epsilon, derivative
from lit_adv.evaluation.masks import dilated

SIDE = 9


@pytest.fixture
def masked() -> Masked:
    """Black images whose object is the middle 3 × 3; δ is 1 everywhere.

    The first judge is wrong as soon as the very middle is brighter than 0.05, the second as soon as a corner is.
    """

    def looking_at(row: int, column: int) -> "torch.nn.Module":
        class Judge(torch.nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                seen = x[:, 0, row, column]
                return torch.stack([torch.full_like(seen, 0.05), seen], 1)

        return Judge().eval()

    mask = torch.zeros(4, SIDE, SIDE, dtype=torch.int8)
    mask[:, 3:6, 3:6] = 1
    mask[:, 0, 8] = -1
    image = torch.zeros(4, 1, SIDE, SIDE)
    return Masked(
        image, torch.ones_like(image), torch.zeros(4, dtype=torch.int64), mask, [looking_at(4, 4), looking_at(0, 0)], 3
    )


def test_contour_and_background(masked: Masked) -> None:
    assert masked.attacked(masked.part("contour"), 0.1) == (0.0, 1.0)
    assert masked.attacked(masked.part("background"), 0.1) == (1.0, 0.0)
    assert area_ratio(masked.mask) == 9 / 71


def test_by_area(masked: Masked) -> None:
    curve = by_area(masked, "contour", 0.1, points=50)
    # 1, 9, 25, 49 pixels and all but the one to be ignored; nothing at first
    assert [point.x * 81 for point in curve] == pytest.approx([0, 1, 9, 25, 49, 80])
    assert [point.accuracy for point in curve] == [(1, 1), (0, 1), (0, 1), (0, 1), (0, 1), (0, 0)]
    assert [point.mean for point in curve] == [1, 0.5, 0.5, 0.5, 0.5, 0]
    fewer = by_area(masked, "contour", 0.1, points=3)
    assert [point.x * 81 for point in fewer] == pytest.approx([0, 9, 49, 80])
    even = by_area(masked, "contour", 0.1, points=6)  # wanted besides: 16, 32, 48, 64
    assert [point.x * 81 for point in even] == pytest.approx([0, 9, 25, 49, 80])
    background = by_area(masked, "background", 0.1, points=50)
    assert [point.x * 81 for point in background] == sorted(point.x * 81 for point in background)
    assert background[-1].accuracy == (0, 0)


def test_nobody_is_asked_about_the_same_picture_twice(masked: Masked) -> None:
    asked: list[int] = []

    def counting(images: Tensor) -> Tensor:
        asked.append(len(images))
        return torch.stack([torch.full((len(images),), 0.05), images[:, 0, 4, 4]], 1)

    mask = masked.mask.clone()
    mask[0] = 1  # an object that fills its image is never larger, and is eroded last
    one = replace(masked, mask=mask, judges=[counting])
    curve = by_area(one, "contour", 0.1, points=50)
    for step, point in zip((-5, -2, -1, 0, 1, 2, 3), [curve[0], *curve[-6:]], strict=True):
        region = dilated(mask == 1, step) & (mask >= 0)
        assert point.accuracy == replace(masked, mask=mask).attacked(region, 0.1)[:1]
    assert sum(asked) < len(curve) * len(mask)


def test_growth_goes_on_beyond_a_ring_that_is_ignored(masked: Masked) -> None:
    mask = torch.full_like(masked.mask, -1)
    mask[:, 3:6, 3:6] = 1
    mask[:, [0, 8]] = 0
    curve = by_area(replace(masked, mask=mask), "contour", 0.1, points=50)
    assert [point.x * 81 for point in curve][-1] == pytest.approx(9 + 18)


def test_points_lost_by_percent() -> None:
    lost = derivative([Point(0.1, (0.9, 1.0)), Point(0.2, (0.7, 1.0)), Point(0.2, (0.7, 1.0)), Point(0.4, (0.6, 0.0))])
    assert [point.x for point in lost] == pytest.approx([0.15, 0.3])
    assert [value for point in lost for value in point.accuracy] == pytest.approx([2.0, 0.0, 0.5, 5.0])


def test_by_epsilon(masked: Masked) -> None:
    found = by_epsilon(masked, "contour", [0.04, 0.06])
    assert found == [Point(0.04, (1.0, 1.0)), Point(0.06, (0.0, 1.0))]
