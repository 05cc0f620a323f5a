"""Basic iterative method with what makes its perturbations transfer, each part by itself or with others."""

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar, Final, Literal

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Model, Problem, at_least, check_clip, positive
from lit_adv.attacks.draws import uniform
from lit_adv.attacks.hooks import in_ball, look_ahead, resized_and_padded, smoothed, with_momentum
from lit_adv.errors import InputError

DIVERSITY_DRAWS: Final = 4
"""Numbers that DI draws for an image."""


@dataclass(frozen=True, kw_only=True)
class TransferBIM(Attack):
    """BIM with momentum, look-ahead, input diversity, smoothing, scales, variance tuning, random starts, or an L2 ball.

    A step goes along g, see `lit_adv.attacks.hooks` for the parts: x' ← Π_ε(x' + α·sign g), in an L2 ball
    x' ← Π_ε(x' + α·g/‖g‖₂). Without any part it is BIM, without noise and calibration MI-FGSM, NI-FGSM, DI-FGSM,
    TI-FGSM, SI-NI-FGSM, VMI-FGSM, or PGD (Madry et al. 2018). Draws come from the seed and an image's own values, one
    for each image, and so are the same in every batch.

    Attributes:
        epsilon: ε, largest magnitude of δ in units of the [0, 1] pixel range, or its largest L2 norm.
        steps: number of iterations of each start; 0 gives the start, which is 0 without `random_start`.
        step_size: α; by default 2ε/steps.
        norm: `linf` or `l2`.
        momentum: μ of MI; 0 for none, 1 in the paper.
        nesterov: take the gradient at NI's point, x' + α·μ·g.
        diversity: DI's probability that an image is made smaller before the model sees it; 0 for none, 0.5 as a rule.
        smallest: DI's least size as a share of the image's.
        smoothing: side of TI's kernel in pixels, odd; 1 for none, 15 in the paper for 299 pixels.
        scales: SI's number m of copies x/2ⁱ that gradients are the mean over; 1 for none, 5 in the paper.
        neighbours: VMI's number N of neighbours; 0 for none, 20 in the paper (Wang & He 2021). The gradient's variance
            v = 1/N·Σ∇J(x' + r) − ∇J(x'), of the step before, is added to it.
        reach: VMI's β: neighbours are within βε in each pixel.
        random_start: start anywhere in the ball, as PGD does, in place of 0.
        restarts: number of starts, of which the one with the highest loss is kept; several need `random_start`.
        clip: lower and upper bound of x' after each step, whatever ε, also where a noisy copy is beyond them; None, as
            in this project's BIM, for none.
        seed: of the draws, 0 or more.

    Example:
        >>> import torch
        >>> image, label = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
        >>> model = lambda x: x.flatten(1)[:, :3]  # the logits are the first three pixels
        >>> TransferBIM(epsilon=0.1, steps=4, momentum=1.0)(model, image, label)[0, 0, 0]
        tensor([-0.1000,  0.1000,  0.1000,  0.0000])
    """

    cost_parameter: ClassVar[str | None] = "steps"

    epsilon: float
    steps: int = 10
    step_size: float | None = None
    norm: Literal["linf", "l2"] = "linf"
    momentum: float = 0.0
    nesterov: bool = False
    diversity: float = 0.0
    smallest: float = 0.9
    smoothing: int = 1
    scales: int = 1
    neighbours: int = 0
    reach: float = 1.5
    random_start: bool = False
    restarts: int = 1
    clip: tuple[float, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        positive(self, "epsilon", "reach", "smallest", *([] if self.step_size is None else ["step_size"]))
        at_least(self, steps=0, momentum=0, diversity=0, smoothing=1, scales=1, neighbours=0, restarts=1, seed=0)
        for name in ("diversity", "smallest"):
            if (value := getattr(self, name)) > 1:
                raise InputError(f"TransferBIM: {name} is {value}; it must be at most 1")
        if self.smoothing % 2 == 0:
            raise InputError(f"TransferBIM: smoothing is {self.smoothing}; a kernel's side must be odd")
        if self.norm not in ("linf", "l2"):
            raise InputError(f"TransferBIM: norm is {self.norm}; it must be linf or l2")
        if self.nesterov and not self.momentum:
            raise InputError("TransferBIM: nesterov looks ahead along the momentum; give momentum above 0, such as 1")
        if self.restarts > 1 and not self.random_start:
            raise InputError(f"TransferBIM: {self.restarts} restarts would all be alike; give random_start")
        check_clip(self, self.clip)

    @property
    def gradients(self) -> int:
        """Number of gradients that a perturbation takes."""
        return self.restarts * self.steps * self.scales * (1 + self.neighbours)

    def for_model(self, position: int) -> "TransferBIM":
        """Returns the attack with draws of its own for the source model at `position`."""
        return replace(self, seed=self.seed + (position << 64))

    def _perturb(self, problem: Problem) -> Tensor:
        if self.restarts == 1:
            return self._from_start(problem, 0)
        best, highest = torch.zeros_like(problem.images), None
        for start in range(self.restarts):
            delta = self._from_start(problem, start)
            with torch.no_grad():
                loss = problem.log_odds(problem.logits(problem.images + delta))
            better = torch.ones_like(loss, dtype=torch.bool) if highest is None else loss > highest
            best = torch.where(better[:, None, None, None], delta, best)
            highest = loss if highest is None else torch.where(better, loss, highest)
        return best

    def _from_start(self, problem: Problem, start: int) -> Tensor:
        images = problem.images
        step_size = self.step_size or 2 * self.epsilon / max(self.steps, 1)
        seed = self.seed + (start << 128)
        delta = self._inside(images, self._start(images, seed))
        momentum, variance = torch.zeros_like(images), torch.zeros_like(images)
        for step in range(self.steps):
            x = images + delta
            at = look_ahead(x, momentum, self.momentum, step_size) if self.nesterov else x
            gradient = self._gradient(problem, at, seed + (2 * step + 1 << 160))
            along = smoothed(gradient + variance, self.smoothing) if self.smoothing > 1 else gradient + variance
            if self.momentum:
                along = momentum = with_momentum(along, momentum, self.momentum)
            if self.neighbours:
                variance = self._around(problem, at, seed + (2 * step + 2 << 160)) - gradient
            delta = self._inside(images, delta + step_size * self._direction(along))
        return delta

    def _gradient(self, problem: Problem, x: Tensor, seed: int) -> Tensor:
        """∇J, or where nothing is added to it the direction of ∇J, which does not vanish where the model is sure."""
        if self.scales == 1 and not self.neighbours:
            return self._diverse(problem, x, seed).direction(x)
        diverse = self._diverse(problem, x, seed)
        total = torch.zeros_like(x)
        for power in range(self.scales):
            total += replace(diverse, model=_dimmed(diverse.model, power)).loss_gradient(x)
        return total / self.scales

    def _diverse(self, problem: Problem, x: Tensor, seed: int) -> Problem:
        if not self.diversity:
            return problem
        draws = self._draws(problem.images, DIVERSITY_DRAWS, seed)
        return replace(
            problem, model=lambda x: problem.model(resized_and_padded(x, draws, self.diversity, self.smallest))
        )

    def _around(self, problem: Problem, x: Tensor, seed: int) -> Tensor:
        """Mean of ∇J over neighbours."""
        size, within = prod(x.shape[1:]), self.reach * self.epsilon
        draws = self._draws(problem.images, self.neighbours * size, seed).view(len(x), self.neighbours, *x.shape[1:])
        total = torch.zeros_like(x)
        for neighbour in range(self.neighbours):
            shift = ((2 * draws[:, neighbour] - 1) * within).to(x.dtype)
            total += self._gradient(problem, x + shift, seed + (neighbour + 1 << 192))
        return total / self.neighbours

    def _start(self, images: Tensor, seed: int) -> Tensor:
        if not self.random_start:
            return torch.zeros_like(images)
        if self.norm == "linf":
            draws = self._draws(images, prod(images.shape[1:]), seed).view(images.shape)
            return ((2 * draws - 1) * self.epsilon).to(images.dtype)
        size = prod(images.shape[1:])
        draws = self._draws(images, size + 1, seed).double()
        normal = torch.special.ndtri(draws[:, :size].clamp(1e-7, 1 - 1e-7)).view(images.shape)
        radius = self.epsilon * draws[:, size] ** (1 / size)
        start: Tensor = normal / normal.flatten(1).norm(dim=1)[:, None, None, None] * radius[:, None, None, None]
        return start.to(images)

    def _direction(self, along: Tensor) -> Tensor:
        if self.norm == "linf":
            return along.sign()
        size = along.flatten(1).norm(dim=1)[:, None, None, None]
        return torch.where(size > 0, along / size.clamp_min(torch.finfo(size.dtype).tiny), 0)

    def _inside(self, images: Tensor, delta: Tensor) -> Tensor:
        delta = delta.clamp(-self.epsilon, self.epsilon) if self.norm == "linf" else in_ball(delta, self.epsilon)
        return delta if self.clip is None else (images + delta).clamp(*self.clip) - images

    def _draws(self, images: Tensor, size: int, seed: int) -> Tensor:
        return uniform(images, size, seed % 2**256)


def _dimmed(model: Model, power: int) -> Model:
    """The model of x/2ᵖ."""
    return lambda x: model(x / 2**power)
