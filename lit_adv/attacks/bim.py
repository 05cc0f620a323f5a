"""The basic iterative method."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Objective
from lit_adv.errors import InputError


@dataclass(frozen=True, kw_only=True)
class BIM(Attack):
    """Basic iterative method (Kurakin et al. 2017; thesis 2.2.1): δ ← clip_ε(δ + α·sign ∇J(x + δ)), from δ = 0.

    One step of size ε is FGSM.

    Attributes:
        epsilon: ε, the largest magnitude of δ, in units of the [0, 1] pixel range.
        steps: the number of iterations; 0 gives exactly 0.
        step_size: α; left out, 2ε/steps as in the thesis (4.6.4.1).
        clip: keep x + δ inside these bounds after each step. Off by default: clipping leaks the image into the
            perturbation (thesis 4.7.1).
    """

    epsilon: float
    steps: int = 50
    step_size: float | None = None
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise InputError(
                f"BIM: epsilon is {self.epsilon}; it must be above 0 (MNIST 0.2, in pixel values of [0, 1])"
            )
        if self.steps < 0:
            raise InputError(f"BIM: steps is {self.steps}; it must be 0 or more")
        if self.step_size is not None and not self.step_size > 0:
            raise InputError(f"BIM: step_size is {self.step_size}; it must be above 0, or left out for 2·epsilon/steps")

    def _perturb(self, objective: Objective, images: Tensor) -> Tensor:
        step_size = self.step_size or 2 * self.epsilon / max(self.steps, 1)
        delta = torch.zeros_like(images)
        for _ in range(self.steps):
            delta = delta + step_size * objective.gradient(images + delta).sign()
            delta = delta.clamp(-self.epsilon, self.epsilon)
            if self.clip is not None:
                delta = (images + delta).clamp(*self.clip) - images
        return delta
