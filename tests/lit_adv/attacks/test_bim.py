"""BIM against closed forms on a linear model and an independent plain loop."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from lit_adv.attacks import BIM

Model = Callable[[Tensor], Tensor]


def batch(rows: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows)
    images = torch.rand(rows, 1, 4, 4, generator=generator, dtype=torch.float64)
    return images, torch.arange(rows) % 3


def two_classes(weight: Tensor) -> Model:
    """Logits (w·x, 0): the gradient of the cross-entropy of class 0 is −p₁·w, of constant sign."""
    return lambda x: torch.stack([x.flatten(1) @ weight, torch.zeros(len(x), dtype=x.dtype)], 1)


@pytest.mark.parametrize("steps", [1, 7, 50])
@pytest.mark.parametrize("targeted", [False, True])
def test_two_classes_closed_form(steps: int, targeted: bool) -> None:
    weight = torch.linspace(-1, 1, 16, dtype=torch.float64)
    images = batch()[0]
    zeros, ones = torch.zeros(8, dtype=torch.int64), torch.ones(8, dtype=torch.int64)
    delta = BIM(epsilon=0.1, steps=steps)(two_classes(weight), images, zeros, targets=ones if targeted else None)
    # Both push w·x down by steps of 2ε/steps, at most to ε.
    expected = -0.1 * weight.sign().view(1, 1, 4, 4).expand(8, -1, -1, -1)
    assert torch.allclose(delta, expected, atol=1e-12)


def test_first_steps_before_the_bound() -> None:
    weight = torch.linspace(-1, 1, 16, dtype=torch.float64)
    delta = BIM(epsilon=0.1, steps=3, step_size=0.01)(
        two_classes(weight), batch()[0], torch.zeros(8, dtype=torch.int64)
    )
    assert torch.allclose(delta, -0.03 * weight.sign().view(1, 1, 4, 4).expand(8, -1, -1, -1), atol=1e-12)


def plain_bim(
    model: Model, images: Tensor, classes: Tensor, epsilon: float, step: float, steps: int, sign: int
) -> Tensor:
    """Sample by sample, with the gradient by backward()."""
    found = []
    for image, label in zip(images, classes, strict=True):
        delta = torch.zeros_like(image)
        for _ in range(steps):
            x = (image + delta).clone().requires_grad_()
            (sign * functional.cross_entropy(model(x[None]), label[None])).backward()
            assert x.grad is not None
            delta = torch.clamp(delta + step * x.grad.sign(), -epsilon, epsilon)
        found.append(delta)
    return torch.stack(found)


@pytest.mark.parametrize("targeted", [False, True])
def test_agrees_with_a_plain_loop_on_a_network(targeted: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(16, 3)).double().eval()
    images, labels = batch()
    targets = (labels + 1) % 3
    delta = BIM(epsilon=0.3, steps=10)(model, images, labels, targets=targets if targeted else None)
    expected = plain_bim(model, images, targets if targeted else labels, 0.3, 0.06, 10, -1 if targeted else 1)
    assert torch.allclose(delta, expected, atol=1e-12)


def test_steps_there_and_back_leave_exactly_nothing() -> None:
    """x + α − α is not always x in float32, and the error depends on the image; δ must not show it."""
    weight = torch.ones(16)
    images = batch()[0].float()
    signs = iter([1.0, -1.0])

    def wavering(x: Tensor) -> Tensor:
        return next(signs) * two_classes(weight)(x)

    assert not torch.equal(images + 0.03 - 0.03, images)
    delta = BIM(epsilon=0.1, steps=2, step_size=0.03)(wavering, images, torch.zeros(8, dtype=torch.int64))
    assert torch.equal(delta, torch.zeros_like(delta))


def test_images_outside_the_pixel_range_are_not_clipped() -> None:
    weight = torch.ones(16, dtype=torch.float64)
    images = torch.full((1, 1, 4, 4), -0.5, dtype=torch.float64)
    delta = BIM(epsilon=0.1, steps=5)(two_classes(weight), images, torch.zeros(1, dtype=torch.int64))
    assert torch.allclose(delta, torch.full_like(delta, -0.1))
    clipped = BIM(epsilon=0.1, steps=5, clip=(0, 1))(two_classes(weight), images, torch.zeros(1, dtype=torch.int64))
    assert torch.allclose(images + clipped, torch.zeros_like(images))


def test_calibration_changes_what_the_attack_sees(linear_model: Model) -> None:
    images, labels = batch()
    # With the calibration saying "surely class 0", class 0's gradient is that of a saturated softmax: w₀ against w₁.
    calibration = torch.tensor([[0.0, -20.0, -1e6]], dtype=torch.float64).expand(8, -1)
    delta = BIM(epsilon=0.1, steps=1)(linear_model, images, torch.zeros_like(labels), calibration=calibration)
    basis = linear_model(torch.eye(16, dtype=torch.float64).view(16, 1, 4, 4)) - linear_model(
        torch.zeros(1, 1, 4, 4).double()
    )
    assert torch.equal(delta[0].flatten().sign(), (basis[:, 1] - basis[:, 0]).sign())


@settings(max_examples=12, deadline=None)
@given(steps=st.integers(1, 8), epsilon=st.floats(0.01, 1), step_size=st.floats(0.01, 3))
def test_the_bound_holds_and_is_reached(steps: int, epsilon: float, step_size: float) -> None:
    weight = torch.linspace(0.1, 1, 16, dtype=torch.float64)
    images = 3 * batch()[0] - 1
    attack = BIM(epsilon=epsilon, steps=steps, step_size=step_size)
    delta = attack(two_classes(weight), images, torch.zeros(8, dtype=torch.int64))
    assert torch.allclose(delta, torch.full_like(delta, -min(epsilon, steps * step_size)), atol=1e-12)
