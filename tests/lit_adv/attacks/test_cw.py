"""CW on linear models, where the minimum is known."""

import pytest
import torch
from torch import Tensor

from lit_adv.attacks import CW

WEIGHT = torch.linspace(-1, 1.6, 16, dtype=torch.float64)
IMAGES = torch.full((2, 1, 4, 4), 0.4, dtype=torch.float64)
LABELS = torch.zeros(2, dtype=torch.int64)
MARGIN = float(0.4 * WEIGHT.sum())  # f_0 − f_1 at the images, 1.92


def model(x: Tensor) -> Tensor:
    """Logits (w·x, 0)."""
    return torch.stack([x.flatten(1) @ WEIGHT, torch.zeros(len(x), dtype=x.dtype)], 1)


def along_the_weight(length: float) -> Tensor:
    return (length * WEIGHT).view(1, 1, 4, 4).expand(2, -1, -1, -1)


def test_the_first_step_is_adams_sign_step() -> None:
    delta = CW(c=3.0, steps=1, lr=0.01, return_last=True)(model, IMAGES, LABELS)
    gradient = 3 * WEIGHT
    expected = -0.01 * gradient / (gradient.abs() + 1e-8)
    assert torch.allclose(delta, expected.view(1, 1, 4, 4).expand(2, -1, -1, -1), atol=1e-12)


def test_two_steps_by_hand() -> None:
    """m, v and δ of Adam (Kingma & Ba 2015) written out; the second gradient holds 2δ of the norm."""
    first = 3 * WEIGHT
    delta = -0.01 * first.sign()
    second = first + 2 * delta
    mean = (0.9 * 0.1 * first + 0.1 * second) / (1 - 0.9**2)
    square = (0.999 * 0.001 * first**2 + 0.001 * second**2) / (1 - 0.999**2)
    expected = delta - 0.01 * mean / square.sqrt()
    found = CW(c=3.0, steps=2, lr=0.01, return_last=True)(model, IMAGES, LABELS)
    assert torch.allclose(found[0].flatten(), expected, atol=1e-8)


@pytest.mark.parametrize("targeted", [False, True])
def test_a_small_weight_balances_norm_and_margin(targeted: bool) -> None:
    """While unfooled, ‖δ‖² + c·(margin + w·δ) is least at δ = −c·w/2; nothing fools, so the last point is returned."""
    targets = torch.ones(2, dtype=torch.int64) if targeted else None
    delta = CW(c=0.1, steps=2000, lr=0.002)(model, IMAGES, LABELS, targets=targets)
    assert torch.allclose(delta, along_the_weight(-0.05), atol=1e-4)


@pytest.mark.parametrize("confidence", [0.0, 0.5])
def test_a_large_weight_finds_the_nearest_fooling_point(confidence: float) -> None:
    """The projection onto margin = −κ: δ = −(margin + κ)·w/‖w‖²."""
    delta = CW(c=20.0, confidence=confidence, steps=2000, lr=0.002)(model, IMAGES, LABELS)
    nearest = along_the_weight(-(MARGIN + confidence) / float(WEIGHT @ WEIGHT))
    assert (MARGIN + delta.flatten(1) @ WEIGHT < -confidence).all()
    assert torch.allclose(delta.flatten(1).norm(dim=1), nearest.flatten(1).norm(dim=1), rtol=0.02)
    assert (torch.cosine_similarity(delta.flatten(1), nearest.flatten(1)) > 0.98).all()


def test_the_smallest_success_is_kept_and_the_last_point_on_demand() -> None:
    best = CW(c=20.0, steps=300, lr=0.02)(model, IMAGES, LABELS)
    last = CW(c=20.0, steps=300, lr=0.02, return_last=True)(model, IMAGES, LABELS)
    assert (MARGIN + best.flatten(1) @ WEIGHT < 0).all()
    # Every earlier point of the same path is at least as long or does not fool.
    for steps in range(1, 300, 31):
        point = CW(c=20.0, steps=steps, lr=0.02, return_last=True)(model, IMAGES, LABELS)
        fools = MARGIN + point[0].flatten() @ WEIGHT < 0
        assert not fools or point[0].norm() >= best[0].norm() - 1e-12
    assert not torch.equal(best, last)


def test_images_wrong_from_the_start_need_nothing() -> None:
    assert torch.equal(CW(steps=5)(model, IMAGES, LABELS + 1), torch.zeros_like(IMAGES))
