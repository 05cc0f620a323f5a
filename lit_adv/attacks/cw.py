"""L2 attack of Carlini and Wagner."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import ClassVar, Final

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, at_least, positive

BETA_1: Final = 0.9
BETA_2: Final = 0.999
"""Decay rates of Adam, with 10⁻⁸ in the denominator (Kingma & Ba 2015).

Adam is written out, so that no version of torch.optim can change its rounding within one set."""


@dataclass(frozen=True, kw_only=True)
class CW(Attack):
    """Carlini and Wagner 2017, L2 (thesis 2.2.2): minimises ‖δ‖² + c·max(f_y − max_{i≠y} f_i, −κ).

    Targeted: ‖δ‖² + c·max(max_{i≠t} f_i − f_t, −κ).

    The thesis leaves details open. Here Adam (β = 0.9, 0.999) moves δ itself from 0, without the tanh change of
    variables, since nothing is clipped. c is fixed, without the binary search of the paper. The result is the point of
    smallest norm with f_y − max_{i≠y} f_i < −κ, of those before each step, δ = 0 included. Where there is none, it is
    the point after the last step.

    Attributes:
        c: weight of the logits against the norm.
        confidence: κ, lead of the wrong class that is asked for, in logits.
        steps: number of iterations; 0 gives exactly 0.
        lr: Adam's step size, in units of the [0, 1] pixel range.
        return_last: return the point after the last step, whether it fools the model or not.

    Example:
        >>> import torch
        >>> image, label = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
        >>> image[..., 0, 0] = 0.6
        >>> model = lambda x: x.flatten(1)[:, :3]  # the logits are the first three pixels
        >>> delta = CW(steps=20, lr=0.01)(model, image, label)
        >>> model(image).argmax(1), model(image + delta).argmax(1)
        (tensor([0]), tensor([1]))
    """

    keeps_batch_order: ClassVar[bool] = True
    cost_parameter: ClassVar[str | None] = "steps"

    c: float = 1.0
    confidence: float = 0.0
    steps: int = 1000
    lr: float = 0.01
    return_last: bool = False

    def __post_init__(self) -> None:
        positive(self, "c", "lr")
        at_least(self, confidence=0, steps=0)

    @property
    def gradients(self) -> int:
        """Most gradients that a perturbation takes."""
        return self.steps

    def _perturb(self, problem: Problem) -> Tensor:
        # Adam's squares and 10⁻⁸ are below the least number of 16 bits.
        delta = torch.zeros_like(problem.images, dtype=torch.promote_types(problem.images.dtype, torch.float32))
        best = torch.zeros_like(delta)
        best_norm = delta.new_full((len(delta),), torch.inf)
        stepped = self._optimizer(delta)
        for _ in range(self.steps):
            x = (problem.images + delta).to(problem.images.dtype).requires_grad_()
            margin = problem.margin(problem.logits(x))
            gradient = problem.gradient(self.c * margin.clamp(min=-self.confidence), x) + 2 * delta
            norm = delta.square().flatten(1).sum(1)
            better = (margin < -self.confidence) & (norm < best_norm)
            best = torch.where(better[:, None, None, None], delta, best)
            best_norm = torch.where(better, norm, best_norm)
            delta = stepped(delta, gradient)
        chosen = torch.where(best_norm.isfinite()[:, None, None, None] & (not self.return_last), best, delta)
        return chosen.to(problem.images.dtype)

    def _optimizer(self, delta: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """Returns Adam: a function from δ `[B, C, H, W]` and the gradient at it to the next δ."""
        mean, square, steps = torch.zeros_like(delta), torch.zeros_like(delta), count(1)

        def stepped(delta: Tensor, gradient: Tensor) -> Tensor:
            step = next(steps)
            mean.lerp_(gradient, 1 - BETA_1)
            square.mul_(BETA_2).addcmul_(gradient, gradient, value=1 - BETA_2)
            scale = (square / (1 - BETA_2**step)).sqrt_().add_(1e-8)
            return delta.addcdiv(mean, scale, value=-self.lr / (1 - BETA_1**step))

        return stepped
