"""The parts by which perturbations transfer: closed forms."""

import math

import pytest
import torch
from torch.nn import functional

from lit_adv.attacks.hooks import in_ball, look_ahead, resized_and_padded, smoothed, with_momentum


def test_momentum_adds_gradients_of_equal_size() -> None:
    first, second = torch.randn(2, 3, 4, 4), 100 * torch.randn(2, 3, 4, 4)
    found = with_momentum(second, with_momentum(first, torch.zeros_like(first), 0.5), 0.5)
    sizes = [g.abs().mean((1, 2, 3), keepdim=True) for g in (first, second)]
    torch.testing.assert_close(found, 0.5 * first / sizes[0] + second / sizes[1])
    assert not with_momentum(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), 1.0).any()


def test_the_point_ahead() -> None:
    x, momentum = torch.rand(1, 1, 3, 3), torch.randn(1, 1, 3, 3)
    torch.testing.assert_close(look_ahead(x, momentum, 0.9, 0.1), x + 0.09 * momentum)


@pytest.mark.parametrize("side", [1, 3, 15])
def test_smoothing_keeps_a_constant_inside_and_spreads_a_point_evenly(side: int) -> None:
    constant = smoothed(torch.ones(1, 2, 33, 33), side)
    torch.testing.assert_close(constant[..., 8:-8, 8:-8], torch.ones(1, 2, 17, 17))
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    found = smoothed(point, side)
    assert found.sum() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(found, found.flip(2).flip(3))
    torch.testing.assert_close(found, found.transpose(2, 3))


def test_an_image_is_made_smaller_and_put_on_black_or_left() -> None:
    x = torch.rand(3, 1, 20, 20)
    uniform = torch.tensor([[0.5, 0.5, 0.25, 0.1], [0.0, 0.999, 0.999, 0.4999], [0.3, 0.3, 0.3, 0.5]])
    found = resized_and_padded(x, uniform, probability=0.5, smallest=0.5)
    small = functional.interpolate(x[:1], size=(15, 15), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found[:1, :, 2:17, 1:16], small)
    assert found[0].sum() == pytest.approx(float(small.sum()), rel=1e-5)
    assert not found[1, :, :9].any()
    assert torch.equal(found[2], x[2])


def test_what_is_outside_the_ball_comes_onto_it() -> None:
    delta = torch.stack([torch.full((1, 2, 2), 3.0), torch.full((1, 2, 2), 0.1), torch.zeros(1, 2, 2)])
    found = in_ball(delta, 2.0)
    assert found.flatten(1).norm(dim=1).tolist() == pytest.approx([2.0, 0.2, 0.0])
    assert math.isclose(float(found[0, 0, 0, 0]), 1.0)
