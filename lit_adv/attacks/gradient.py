"""The plain gradient as an attack."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem


@dataclass(frozen=True, kw_only=True)
class Gradient(Attack):
    """δ = ∇_x J(x), unscaled (thesis 5.3.2); targeted: minus the gradient of the target's cross-entropy."""

    keeps_batch_order: ClassVar[bool] = True

    def _perturb(self, problem: Problem) -> Tensor:
        return problem.loss_gradient(problem.images)
