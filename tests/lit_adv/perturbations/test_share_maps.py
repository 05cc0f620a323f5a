"""Shares of each pixel: their sums are the shares, and parts stand where they are."""

import numpy as np
import pytest
import torch

from lit_adv.perturbations.share_maps import share_maps
from lit_adv.perturbations.variance_shares import Scalars, copies_apart, shares
from tests.lit_adv.perturbations.simulated import grouped, simulated


@pytest.mark.parametrize(("groups", "scatter"), [(6, 0.0), (4, 1.0)])
def test_pixels_add_up_to_the_shares(groups, scatter):
    made = simulated(
        torch.Generator().manual_seed(1), common=0.3, model=0.3, models=6, copies=3, images=4, scatter=scatter
    )
    sums = grouped(made, groups)
    maps, found = share_maps(sums), shares(Scalars.of(sums))
    model, copy = copies_apart(found, 3)
    for values, whole in ((maps.common, found.common), (maps.model, model), (maps.copy, copy)):
        np.testing.assert_allclose(values.sum((1, 2, 3)), whole, rtol=1e-7)


def test_each_part_stands_where_it_is():
    generator = torch.Generator().manual_seed(2)
    m, n, images = 12, 4, 20
    made = torch.zeros(m, n, images, 300, dtype=torch.float64)
    made[..., :100] = torch.randn(1, 1, images, 100, generator=generator, dtype=torch.float64)
    made[..., 100:200] = torch.randn(m, 1, images, 100, generator=generator, dtype=torch.float64)
    made[..., 200:] = torch.randn(m, n, images, 100, generator=generator, dtype=torch.float64)
    maps = share_maps(grouped(made, m))
    for place, part in enumerate((maps.common, maps.model, maps.copy)):
        thirds = part.view(images, 3, 100).sum(2).mean(0)
        assert thirds[place] == pytest.approx(1 / 3, abs=0.02)
        assert thirds.sum() == pytest.approx(1 / 3, abs=0.02)


def test_one_copy_and_images_of_zeros():
    made = simulated(torch.Generator().manual_seed(3), common=0.3, model=0.3, models=6, copies=1, images=3)
    made[:, :, 1] = 0
    made[1:, :, 2] = 0
    maps = share_maps(grouped(made, 6))
    assert maps.copy is None
    assert (maps.common + maps.model)[0].sum() == pytest.approx(1)
    assert not maps.common[1:].any()
    assert not maps.model[1:].any()
