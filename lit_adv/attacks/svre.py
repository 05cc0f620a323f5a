"""Stochastic variance reduced ensemble attack."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Model, Problem, at_least, positive
from lit_adv.attacks.draws import uniform
from lit_adv.attacks.hooks import with_momentum
from lit_adv.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SVRE(Attack):
    """SVRE-MI-FGSM (Xiong et al. 2022) on a `lit_adv.models.ensemble.Ensemble`: a baseline beside Eq. 4.1.

    Each outer step takes the mean of all models' gradients, then goes inner steps along the gradient of one model drawn
    at random, freed of how that model's differs from the mean where the outer step began:
    g̃ = ∇J_k(x̃) − ∇J_k(x') + 1/m·Σ∇J_i(x'). The momentum of the inner steps is what the outer step goes along. The mean
    is that of the models' losses. Without noise only, for calibration is of the ensemble as a whole.

    Attributes:
        epsilon: ε, largest magnitude of δ, in units of the [0, 1] pixel range.
        steps: outer steps.
        inner: inner steps of each; by default four for each model, as in the paper.
        step_size: α of the outer steps; by default 2ε/steps.
        momentum: μ of inner and outer steps.
        members: number of models, by which gradients are counted; 0 if unknown.
        seed: of the draws, 0 or more.
    """

    cost_parameter: ClassVar[str | None] = "steps"
    counts_members: ClassVar[bool] = True

    epsilon: float
    steps: int = 10
    inner: int | None = None
    step_size: float | None = None
    momentum: float = 1.0
    members: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        positive(self, "epsilon", *([] if self.step_size is None else ["step_size"]))
        at_least(self, steps=0, momentum=0, members=0, seed=0, **({} if self.inner is None else {"inner": 1}))

    @property
    def gradients(self) -> int | None:
        """Number of gradients that a perturbation takes; None where `members` is not given."""
        return self.steps * (self.members + 2 * (self.inner or 4 * self.members)) if self.members else None

    def _perturb(self, problem: Problem) -> Tensor:
        models: Sequence[Model] | None = getattr(problem.model, "members", None)
        if models is None:
            raise InputError("SVRE attacks several models at once; give lit_adv.models.ensemble.Ensemble(models)")
        if problem.calibration is not None:
            raise InputError("SVRE has no calibration of noisy copies; leave the noise out")
        if self.members not in (0, len(models)):
            raise InputError(f"SVRE: members is {self.members}, the ensemble has {len(models)}")
        alone = [replace(problem, model=model) for model in models]
        images, inner = problem.images, self.inner or 4 * len(models)
        step_size = self.step_size or 2 * self.epsilon / max(self.steps, 1)
        draws = uniform(torch.zeros(1, 1), self.steps * inner, self.seed)[0]  # the same for all images
        drawn = (draws * len(models)).long().tolist()
        delta, momentum = torch.zeros_like(images), torch.zeros_like(images)
        for step in range(self.steps):
            x = images + delta
            mean = sum((one.loss_gradient(x) for one in alone), torch.zeros_like(x)) / len(alone)
            inside, along = delta, torch.zeros_like(x)
            for place in drawn[step * inner : (step + 1) * inner]:
                free = alone[place].loss_gradient(images + inside) - alone[place].loss_gradient(x) + mean
                along = with_momentum(free, along, self.momentum)
                inside = (inside + step_size * along.sign()).clamp(-self.epsilon, self.epsilon)
            momentum = with_momentum(along, momentum, self.momentum)
            delta = (delta + step_size * momentum.sign()).clamp(-self.epsilon, self.epsilon)
        return delta
