"""Sure models: the loss's gradient where a float32 probability rounds to 1."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square

LABELS = torch.zeros(4, dtype=torch.int64)
TARGETS = LABELS + 1


class Sure(nn.Module):
    """Linear model whose first logit leads by about `margin`."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        weight = torch.rand(6, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.weight = nn.Buffer(weight - weight.mean(0))
        self.margin = margin

    def forward(self, x: Tensor) -> Tensor:
        logits = x.flatten(1) @ self.weight.to(x.dtype).T
        return logits + self.margin * (torch.arange(6) == 0)


def images(dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def unit(delta: Tensor) -> Tensor:
    return functional.normalize(delta.double().flatten(1), eps=1e-300)


@pytest.mark.parametrize("margin", [0.0, 18.0, 40.0, 80.0])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_gradient_keeps_its_digits(margin: float, targeted: bool) -> None:
    """Against the closed form ∇J = Σ_{k≠y} p_k (w_k − w_y), computed in float64 without a difference from 1."""
    model, classes = Sure(margin).eval(), TARGETS if targeted else LABELS
    logits = model(images(torch.float64))
    others = logits.softmax(1).scatter(1, classes[:, None], 0)
    expected = others @ model.weight - others.sum(1, keepdim=True) * model.weight[classes]
    delta = Gradient()(model, images(), LABELS, targets=TARGETS if targeted else None).flatten(1).double()
    expected = -expected if targeted else expected
    assert torch.allclose(delta / expected.norm(dim=1, keepdim=True), unit(expected), atol=1e-3)
    assert torch.allclose(unit(delta), unit(expected), atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_bim_does_not_stand_still(scale: float) -> None:
    """With logits × 1000 the softmax is 1 to the last bit of float32 and of float64, but has a direction."""
    model, attack = Sure(5.0).eval(), BIM(epsilon=0.1, steps=4)
    delta = attack(lambda x: scale * model(x), images(), LABELS)
    logits = scale * model(images(torch.float64))
    rival = logits.scatter(1, LABELS[:, None], -torch.inf).softmax(1)
    direction = (rival @ model.weight - model.weight[LABELS]).view_as(delta)
    clear = direction.abs() > 1e-2
    assert torch.equal(delta.sign()[clear], direction.sign().float()[clear])
    assert (delta != 0).flatten(1).any(1).all()


@pytest.mark.parametrize(
    "attack", [CW(steps=3), DeepFool(steps=3), Square(epsilon=0.2, queries=3)], ids=lambda a: type(a).__name__
)
def test_the_other_attacks_need_no_probability(attack: Attack) -> None:
    """They follow differences of logits, and give what they give for a less sure model's float64 logits."""
    model = Sure(8.0).eval()
    delta = attack(lambda x: 1000 * model(x), images(), LABELS)
    expected = attack(lambda x: 1000 * model(x.double()), images(), LABELS)
    assert torch.allclose(delta, expected, atol=1e-3)
    assert (delta != 0).any()


def test_square_finds_a_target_that_has_no_probability_yet() -> None:
    model = Sure(400.0).eval()
    with torch.no_grad():
        before = model(images()).log_softmax(1).gather(1, TARGETS[:, None])
        delta = Square(epsilon=0.2, queries=60)(model, images(), LABELS, targets=TARGETS)
        after = model(images() + delta).log_softmax(1).gather(1, TARGETS[:, None])
    assert (after > before).all()
