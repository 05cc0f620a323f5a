"""Robust training: on perturbed images, or with a penalty on the loss gradient."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lit_adv.logits import logits_of


def perturbed(network: nn.Module, images: Tensor, labels: Tensor, epsilon: float, steps: int) -> Tensor:
    """Perturbs images by projected gradient descent from a random start (Madry et al. 2018), step size 2.5ε/steps.

    Args:
        network: from images `[B, C, H, W]` in [0, 1] to logits `[B, K]`; attacked in evaluation mode, so that its batch
            statistics do not see the attack's steps.
        images: `[B, C, H, W]` in [0, 1].
        labels: `[B]`.
        epsilon: ε, largest magnitude of the perturbation.
        steps: number of iterations.

    Returns:
        Images `[B, C, H, W]` in [0, 1], at most ε from the given ones, by a draw from torch's global generator.
    """
    start = images + epsilon * (2 * torch.rand_like(images) - 1)
    return ascended(network, start, images, labels, epsilon, steps)


def ascended(network: nn.Module, start: Tensor, images: Tensor, labels: Tensor, epsilon: float, steps: int) -> Tensor:
    """Raises the loss by steps of its gradient's sign from `start`, see `perturbed`."""
    training = network.training
    network.eval()
    low, high = (images - epsilon).clamp(0, 1), (images + epsilon).clamp(0, 1)
    x = start.clamp(low, high)
    for _ in range(steps):
        x = x.detach().requires_grad_()
        loss = functional.cross_entropy(logits_of(network(x), len(x)), labels, reduction="sum")
        x = x.detach() + 2.5 * epsilon / steps * torch.autograd.grad(loss, x)[0].sign()
        x = x.clamp(low, high)
    network.train(training)
    return x


def squared_gradient(loss: Tensor, images: Tensor) -> Tensor:
    """Returns the mean over the images of ‖∇_x J‖², which can be differentiated (Ross & Doshi-Velez 2018).

    Args:
        loss: mean of J over the batch.
        images: `[B, C, H, W]`, of which the loss was computed.
    """
    [gradient] = torch.autograd.grad(loss * len(images), images, create_graph=True)
    return gradient.square().sum() / len(images)
