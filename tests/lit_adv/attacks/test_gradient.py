"""The gradient against the closed form of a linear softmax model: ∇J = Wᵀ(softmax(f) − e_y)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from lit_adv.attacks import Gradient


def test_linear_closed_form(linear_model: Callable[[Tensor], Tensor]) -> None:
    images = torch.rand(5, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1])
    weight = linear_model(torch.eye(16, dtype=torch.float64).view(16, 1, 4, 4)) - linear_model(
        torch.zeros(1, 1, 4, 4).double()
    )

    def closed_form(classes: Tensor) -> Tensor:
        error = linear_model(images).softmax(1) - functional.one_hot(classes, 3)
        return (error @ weight.T).view_as(images)

    assert torch.allclose(Gradient()(linear_model, images, labels), closed_form(labels), atol=1e-12)
    targets = (labels + 1) % 3
    assert torch.allclose(Gradient()(linear_model, images, labels, targets=targets), -closed_form(targets), atol=1e-12)
