"""The plain gradient as an attack."""

from dataclasses import dataclass

from torch import Tensor

from lit_adv.attacks.attack import Attack, Objective


@dataclass(frozen=True, kw_only=True)
class Gradient(Attack):
    """δ = ∇_x J(x), unscaled (thesis 5.3.2); targeted: minus the gradient of the target's cross-entropy."""

    def _perturb(self, objective: Objective, images: Tensor) -> Tensor:
        return objective.gradient(images)
