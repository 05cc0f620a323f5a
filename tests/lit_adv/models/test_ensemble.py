"""An ensemble is the mean of its models, and holds one of their graphs at a time."""

import pytest
import torch
from torch import Tensor, nn

from lit_adv.attacks import BIM, Gradient
from lit_adv.errors import InputError
from lit_adv.models.ensemble import FUSIONS, Ensemble


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


def test_wrong_ensembles() -> None:
    with pytest.raises(InputError, match="two or more"):
        Ensemble(networks(1))
    with pytest.raises(InputError, match="one of logits, probabilities, losses"):
        Ensemble(networks(2), "votes")  # type: ignore[arg-type]
