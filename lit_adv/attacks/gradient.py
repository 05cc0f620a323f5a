"""Plain gradient as an attack."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem


@dataclass(frozen=True, kw_only=True)
class Gradient(Attack):
    """Loss gradient δ = ∇_x J(x), unscaled (thesis 5.3.2).

    J is the label's cross-entropy; targeted, minus the target's.

    Example:
        >>> import torch
        >>> image, label = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
        >>> image[..., 0, 0] = 0.6
        >>> model = lambda x: x.flatten(1)[:, :3]  # the logits are the first three pixels
        >>> Gradient()(model, image, label)[0, 0, 0]
        tensor([-0.6441,  0.3220,  0.3220,  0.0000])
    """

    keeps_batch_order: ClassVar[bool] = True
    fraction_bits: ClassVar[int] = 80  # where a model is sure, its gradient is tiny

    @property
    def gradients(self) -> int:
        """Most gradients that a perturbation takes."""
        return 1

    def _perturb(self, problem: Problem) -> Tensor:
        return problem.loss_gradient(problem.images)
