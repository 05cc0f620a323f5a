"""SVRE: on one kind of model it is momentum BIM, and it counts what it takes."""

import pytest
import torch
from torch import Tensor, nn

from lit_adv.attacks import BIM, SVRE
from lit_adv.errors import InputError
from lit_adv.models.ensemble import Ensemble


def linear(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).double().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 1, 4, 4, dtype=torch.float64)


LABELS = torch.zeros(5, dtype=torch.int64)


def test_linear_models_of_two_classes_have_one_direction(images: Tensor) -> None:
    """All gradients of one linear model of two classes are parallel, and so are the steps along copies of it."""
    model = linear(1)
    found = SVRE(epsilon=0.1, steps=4)(Ensemble([model, model, model]), images, LABELS)
    torch.testing.assert_close(found, BIM(epsilon=0.1, steps=4)(model, images, LABELS))


def test_it_raises_the_mean_loss_and_stays_inside(images: Tensor) -> None:
    models = [linear(seed) for seed in range(4)]
    found = SVRE(epsilon=0.05, steps=3, inner=5)(Ensemble(models), images, LABELS)
    assert found.abs().max() <= 0.05 * (1 + 1e-9)

    @torch.no_grad()
    def loss(x: Tensor) -> float:
        return sum(float(nn.functional.cross_entropy(model(x), LABELS)) for model in models)

    assert loss(images + found) > loss(images)


def test_gradients_are_counted(images: Tensor) -> None:
    seen = 0

    def counted(x: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        return x.flatten(1)[:, :2]

    attack = SVRE(epsilon=0.1, steps=3, inner=4, members=2)
    attack(Ensemble([counted, counted]), images, LABELS)
    assert seen == attack.gradients == 3 * (2 + 2 * 4)
    assert SVRE(epsilon=0.1).gradients is None


def test_wrong_use_is_refused(images: Tensor) -> None:
    model = linear(1)
    with pytest.raises(InputError, match="several models at once"):
        SVRE(epsilon=0.1)(model, images, LABELS)
    with pytest.raises(InputError, match="members is 3, the ensemble has 2"):
        SVRE(epsilon=0.1, members=3)(Ensemble([model, model]), images, LABELS)
    with pytest.raises(InputError, match="no calibration"):
        SVRE(epsilon=0.1)(Ensemble([model, model]), images, LABELS, calibration=torch.zeros(5, 2, dtype=torch.float64))
