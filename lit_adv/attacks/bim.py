"""The basic iterative method."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, at_least


@dataclass(frozen=True, kw_only=True)
class BIM(Attack):
    """Basic iterative method (Kurakin et al. 2017; thesis 2.2.1): x' ← clip_ε(x' + α·sign ∇J(x')), from x' = x.

    clip_ε keeps x' within x ± ε; δ = x' − x. One step is FGSM (Goodfellow et al. 2015).

    Attributes:
        epsilon: ε, the largest magnitude of δ, in units of the [0, 1] pixel range.
        steps: the number of iterations; 0 gives exactly 0.
        step_size: α; left out, 2ε/steps as in the thesis (4.6.4.1).
        clip: keep x' inside these bounds after each step. Off by default: clipping leaks the image into the
            perturbation (thesis 4.7.1).
    """

    whole_batches: ClassVar[bool] = True

    epsilon: float
    steps: int = 50
    step_size: float | None = None
    clip: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        at_least(self, epsilon=(0, False), steps=(0, True))
        if self.step_size is not None:
            at_least(self, step_size=(0, False))

    def _perturb(self, problem: Problem) -> Tensor:
        step_size = self.step_size or 2 * self.epsilon / max(self.steps, 1)
        low, high = problem.images - self.epsilon, problem.images + self.epsilon
        x = problem.images
        for _ in range(self.steps):
            x = (x + step_size * problem.loss_gradient(x).sign()).clamp(low, high)
            if self.clip is not None:
                x = x.clamp(*self.clip)
        return x - problem.images
