"""The attack of training is BIM's, and the worst case of a linear model; the penalty is known in closed form."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lit_adv.attacks.bim import BIM
from lit_adv.models.vgg import vgg16_like
from trainers.adversarial import ascended, perturbed, squared_gradient
from trainers.classifier import Classifier


def linear(classes: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, classes)).double()


def test_from_the_image_itself_it_is_bim() -> None:
    torch.manual_seed(0)
    network = vgg16_like(2).double()
    images, labels = torch.rand(5, 1, 28, 28, dtype=torch.float64), torch.arange(5)
    found = ascended(network, images, images, labels, 0.1, 4)
    assert network.training
    attack = BIM(epsilon=0.1, steps=4, step_size=2.5 * 0.1 / 4, clip=(0.0, 1.0))
    expected = images + attack(network.eval(), images, labels)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [1, 3])
def test_of_two_classes_of_a_linear_model_it_finds_the_worst_image(steps: int) -> None:
    """Loss is greatest at x + ε·sign(w₁ − w₀) for label 0; 2.5ε of steps reach it from anywhere within ε."""
    network = linear(2)
    images, labels = 0.3 + 0.4 * torch.rand(8, 1, 4, 4, dtype=torch.float64), torch.arange(8) % 2
    towards = (network[1].weight[1] - network[1].weight[0]).sign().view(1, 4, 4)
    worst = images + 0.2 * torch.where(labels[:, None, None, None] == 0, towards, -towards)
    found = perturbed(network, images, labels, 0.2, steps)
    assert torch.allclose(found, worst, rtol=0, atol=1e-12)


def test_it_stays_near_the_image_and_in_the_pixels_range() -> None:
    network = linear(3)
    images, labels = torch.rand(50, 1, 4, 4, dtype=torch.float64).round(), torch.arange(50) % 3
    found = perturbed(network, images, labels, 0.3, 2)
    assert (found - images).abs().max() <= 0.3 + 1e-12
    assert found.min() >= 0
    assert found.max() <= 1
    assert not found.requires_grad
    assert not found.equal(perturbed(network, images, labels, 0.3, 2))  # another start


def test_the_penalty_of_a_linear_model() -> None:
    """∇_x J = Wᵀ(p − y)."""
    network = linear(3)
    images = torch.rand(6, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    labels = torch.arange(6) % 3
    logits = network(images)
    found = squared_gradient(functional.cross_entropy(logits, labels), images)
    error = logits.softmax(1) - functional.one_hot(labels, 3)
    assert torch.allclose(found, (error @ network[1].weight).square().sum(1).mean())
    assert found.requires_grad


@pytest.mark.parametrize("more", [{"gradient_penalty": 10.0}, {"adversarial": 0.1}])
def test_a_step_is_of_the_loss_that_is_asked_for(more: dict[str, float]) -> None:
    """The training's loss against the one written down here; the linear model has no batch statistics."""

    class Alone:
        loggers = ()

    network = linear(2)
    classifier = Classifier(network, 2, learning_rate=0.1, weight_decay=0.0, **more)  # type: ignore[arg-type]
    classifier._trainer = Alone()  # type: ignore[assignment]
    classifier.on_train_epoch_start()
    images, labels = 0.3 + 0.4 * torch.rand(8, 1, 4, 4, dtype=torch.float64), torch.arange(8) % 2
    found = classifier.training_step((images, labels), 0)
    if "adversarial" in more:
        images = perturbed(network, images, labels, 0.1, 7)
    images.requires_grad_()
    expected = functional.cross_entropy(network(images), labels)
    if "gradient_penalty" in more:
        expected = expected + 10 * squared_gradient(expected, images)
    assert torch.allclose(found, expected)
