"""An ensemble is the mean of its models, and holds one of their graphs at a time."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lit_adv.attacks import BIM, Gradient
from lit_adv.attacks.attack import Problem
from lit_adv.errors import InputError
from lit_adv.models.ensemble import FUSIONS, Ensemble, log_probabilities


def networks(count: int) -> list[nn.Module]:
    return [
        nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 5)).double().eval() for _ in range(count)
    ]


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 1, 4, 4, dtype=torch.float64)


@pytest.mark.parametrize("fusion", ["logits", "probabilities"])
def test_logits_and_gradients_are_those_of_the_mean(fusion: str, images: Tensor) -> None:
    models = networks(3)

    def plain(x: Tensor) -> Tensor:
        each = torch.stack([model(x) for model in models])
        return each.mean(0) if fusion == "logits" else each.softmax(2).mean(0).log()

    ensemble = Ensemble(models, fusion)  # type: ignore[arg-type]
    torch.testing.assert_close(ensemble(images), plain(images))
    labels = torch.arange(6) % 5
    for attack in (Gradient(), BIM(epsilon=0.1, steps=5)):
        torch.testing.assert_close(attack(ensemble, images, labels), attack(plain, images, labels))


def test_the_loss_is_the_mean_of_the_losses(images: Tensor) -> None:
    models, labels = networks(3), torch.arange(6) % 5
    ensemble, x = Ensemble(models, "losses"), images.clone().requires_grad_()
    expected = sum(nn.functional.cross_entropy(model(x), labels, reduction="none") for model in models) / 3
    found = nn.functional.cross_entropy(ensemble(x), labels, reduction="none")
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(loss.sum(), x)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(Gradient()(ensemble, images, labels), gradients[0])
    [model] = networks(1)
    assert Ensemble([model, model], "losses")(images).isfinite().all()


@pytest.mark.parametrize("scale", [1, 60, 120])
def test_losses_have_a_direction_where_models_are_sure(scale: float) -> None:
    """In float32 as in float64 by stable parts, down to the least 1 − p of a label."""
    shared, images = torch.randn(5, 16), torch.rand(40, 1, 4, 4)
    models = [nn.Sequential(nn.Flatten(), nn.Linear(16, 5)).eval() for _ in range(3)]
    for model in models:
        with torch.no_grad():
            model[1].weight.copy_(scale * (shared + 0.3 * model[1].weight) / 4)

    def odds(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
        logits, own = model.double()(x), labels[:, None]
        return logits.gather(1, own)[:, 0] - logits.scatter(1, own, -torch.inf).logsumexp(1)

    for labels in (sum(model(images) for model in models).argmax(1), torch.arange(40) % 5):  # type: ignore[union-attr]
        problem = Problem(
            model=Ensemble(models, "losses"), images=images, classes=labels, targeted=False, calibration=None,
            row=torch.arange(40), highest=4,
        )  # fmt: skip
        found = problem.direction(images).double().flatten(1)
        x = images.double().requires_grad_()
        copies = [copy.deepcopy(model) for model in models]
        loss = sum(functional.softplus(-odds(model, x, labels)) for model in copies)
        [expected] = torch.autograd.grad(loss.sum(), x)  # type: ignore[union-attr]
        expected = expected.flatten(1)
        within = expected.norm(dim=1) > 1e-33  # numbers of float32
        assert within.sum() > 20
        found, expected = found[within], expected[within]
        assert functional.cosine_similarity(found, expected / expected.norm(dim=1, keepdim=True)).min() > 0.999


def test_log_probabilities_are_those_of_log_softmax() -> None:
    logits = 10 * torch.randn(50, 7, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(log_probabilities(logits), logits.log_softmax(1))
    weights = torch.randn(50, 7, dtype=torch.float64)
    found, expected = (
        torch.autograd.grad((weights * values).sum(), logits)[0]
        for values in (log_probabilities(logits), logits.log_softmax(1))
    )
    torch.testing.assert_close(found, expected)


def test_the_mean_of_equal_models_is_one_of_them(images: Tensor) -> None:
    [model] = networks(1)
    torch.testing.assert_close(Ensemble([model, model, model])(images), model(images))
    torch.testing.assert_close(Ensemble([model, model], "probabilities")(images), model(images).log_softmax(1))


def test_one_graph_at_a_time(images: Tensor) -> None:
    """Of the models' inner values none is kept for the backward pass."""
    kept = []

    def pack(x: Tensor) -> Tensor:
        kept.append(tuple(x.shape))
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        for fusion in FUSIONS:
            Ensemble(networks(4), fusion)(images.clone().requires_grad_())
    assert (6, 8) not in kept  # what tanh gives


def test_models_stay_as_they_are() -> None:
    first, second = networks(2)
    ensemble = Ensemble([first, second])
    assert not ensemble.training
    first.train()
    with pytest.raises(InputError, match="in training mode"):
        Gradient()(ensemble, torch.rand(1, 1, 4, 4, dtype=torch.float64), torch.tensor([0]))
    with pytest.raises(InputError, match="model 1 of the ensemble is in training mode"):
        Ensemble([second, first])
    assert first.training


def test_wrong_ensembles() -> None:
    with pytest.raises(InputError, match="two or more"):
        Ensemble(networks(1))
    with pytest.raises(InputError, match="one of logits, probabilities, losses"):
        Ensemble(networks(2), "votes")  # type: ignore[arg-type]
