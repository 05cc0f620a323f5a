"""DeepFool on linear models, where one step is exact, and the classes it may look at."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from lit_adv.attacks import DeepFool, deepfool
from lit_adv.errors import InputError


def linear(classes: int, pixels: int, seed: int = 0) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    weight = torch.randn(classes, pixels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return weight, lambda x: x.flatten(1) @ weight.T


def closed_form(weight: Tensor, logits: Tensor, label: int, rivals: list[int], overshoot: float) -> Tensor:
    """The step over the nearest of the hyperplanes between the label and its rivals."""
    w = weight[rivals] - weight[label]
    norms = w.norm(dim=1)
    distances = (logits[label] - logits[rivals]) / norms
    nearest = distances.argmin()
    return (1 + overshoot) * (distances[nearest] + 1e-4) * w[nearest] / norms[nearest]


@pytest.mark.parametrize("overshoot", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("calibrated", [False, True])
def test_one_step_is_exact_on_a_linear_model(overshoot: float, calibrated: bool) -> None:
    weight, model = linear(5, 16)
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(6, 1, 4, 4, generator=generator, dtype=torch.float64)
    calibration = torch.randn(6, 5, generator=generator, dtype=torch.float64) if calibrated else None
    logits = model(images) + (0 if calibration is None else calibration)
    labels = logits.argmax(1)
    delta = DeepFool(overshoot=overshoot)(model, images, labels, calibration=calibration)
    for row, label in enumerate(labels.tolist()):
        others = [k for k in range(5) if k != label]
        expected = closed_form(weight, logits[row], label, others, overshoot)
        assert torch.allclose(delta[row].flatten(), expected, atol=1e-7)
    moved = model(images + delta) + (0 if calibration is None else calibration)
    assert (moved.argmax(1) != labels).all()


def test_top_k_matters_and_is_obeyed() -> None:
    """200 classes: the nearest boundary often belongs to a class far down the list of logits."""
    weight, product = linear(200, 64)
    # 100 weak classes, of falling logits, and 100 strong ones with low logits: their boundaries can be the nearest.
    weight *= torch.where(torch.arange(200) < 100, 0.2, 10.0).double()[:, None]
    bias = torch.where(torch.arange(200) < 100, -0.3 * torch.arange(200), -15.0).double()

    def model(x: Tensor) -> Tensor:
        return product(x) + bias

    images = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 10
    logits = model(images)
    labels = logits.argmax(1)
    ranked = logits.argsort(1, descending=True)
    found = {}
    for top_k in (2, 10, 200):
        found[top_k] = DeepFool(top_k=top_k, steps=1)(model, images, labels)
        for row, label in enumerate(labels.tolist()):
            expected = closed_form(weight, logits[row], label, ranked[row, 1:top_k].tolist(), 0.02)
            assert torch.allclose(found[top_k][row].flatten(), expected, atol=1e-6)
    assert torch.equal(found[200], DeepFool(steps=1)(model, images, labels))
    norms = [found[k].flatten(1).norm(dim=1) for k in (2, 10, 200)]
    assert (norms[0] > norms[1] + 1e-6).any()
    assert (norms[1] > norms[2] + 1e-6).any()


def test_top_k_above_the_class_count() -> None:
    _, model = linear(5, 16)
    with pytest.raises(InputError, match="top_k is 6; the model knows 5 classes"):
        DeepFool(top_k=6)(model, torch.rand(1, 1, 4, 4, dtype=torch.float64), torch.tensor([0]))


def test_only_samples_not_yet_fooled_are_linearised_again() -> None:
    """Every sample is judged until it is fooled, and never again."""
    _, linear_model = linear(3, 16)
    seen: list[int] = []

    def model(x: Tensor) -> Tensor:
        if not x.requires_grad:
            seen.append(len(x))
        return linear_model(x).tanh()

    images = torch.rand(9, 1, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    labels = linear_model(images).argmax(1)
    labels[:3] = (labels[:3] + 1) % 3
    delta = DeepFool()(model, images, labels)
    assert seen[:2] == [9, 6]
    assert seen == sorted(seen, reverse=True)
    assert torch.equal(delta[:3], torch.zeros_like(delta[:3]))
    assert (model(images + delta).argmax(1) != labels).all()


def test_both_ways_to_the_gradients_agree(
    trained: nn.Module, batch: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = batch
    found = []
    for pixels in (0, 10**9):
        monkeypatch.setattr(deepfool, "REPEATED_PIXELS", pixels)
        found.append(DeepFool()(trained, images, labels))
    assert torch.allclose(*found, atol=1e-9)
    assert found[0].abs().max() > 0.01
