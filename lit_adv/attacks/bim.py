"""Basic iterative method."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, at_least, check_clip, positive


@dataclass(frozen=True, kw_only=True)
class BIM(Attack):
    """Basic iterative method (Kurakin et al. 2017; thesis 2.2.1): x' ← clip_ε(x' + α·sign ∇J(x')), from x' = x.

    clip_ε keeps x' within x ± ε. One step is FGSM (Goodfellow et al. 2015). δ is summed beside x' in the same way: the
    difference x' − x would hold rounding errors of x', which depend on the image, where δ is exactly 0.

    Attributes:
        epsilon: ε, largest magnitude of δ before any clipping, in units of the [0, 1] pixel range.
        steps: number of iterations; 0 gives exactly 0.
        step_size: α; by default 2ε/steps (thesis 4.6.4.1).
        clip: lower and upper bound of x' after each step. None, the default, avoids that the clipping leaks the image
            into the perturbation (thesis 4.7.1).

    Example:
        >>> import torch
        >>> image, label = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
        >>> image[..., 0, 0] = 0.6
        >>> model = lambda x: x.flatten(1)[:, :3]  # the logits are the first three pixels
        >>> BIM(epsilon=0.1, steps=4)(model, image, label)[0, 0, 0]
        tensor([-0.1000,  0.1000,  0.1000,  0.0000])
    """

    keeps_batch_order: ClassVar[bool] = True
    cost_parameter: ClassVar[str | None] = "steps"

    epsilon: float
    steps: int = 50
    step_size: float | None = None
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        positive(self, "epsilon", *([] if self.step_size is None else ["step_size"]))
        at_least(self, steps=0)
        check_clip(self, self.clip)

    @property
    def gradients(self) -> int:
        """Most gradients that a perturbation takes."""
        return self.steps

    def _perturb(self, problem: Problem) -> Tensor:
        step_size = self.step_size or 2 * self.epsilon / max(self.steps, 1)
        x, delta = problem.images, torch.zeros_like(problem.images)
        low, high = x - self.epsilon, x + self.epsilon
        for _ in range(self.steps):
            step = problem.direction(x).sign().mul_(step_size)
            x = (x + step).clamp_(low, high)
            delta.add_(step).clamp_(-self.epsilon, self.epsilon)
            if self.clip is not None:
                x = x.clamp(*self.clip)
                delta = x - problem.images
        return delta
