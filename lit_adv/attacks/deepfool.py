"""DeepFool, the smallest step over a linearised boundary."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, at_least
from lit_adv.errors import InputError

REPEATED_PIXELS: Final = 100_000
"""Largest samples × rivals × H·W for which all gradients come from one batch of repeated samples.

Above it there is one backward pass for each rival class: fewer forward passes, but slow on small batches. Measured on
two CPU cores. The two ways differ in the last bits of float32."""


@dataclass(frozen=True, kw_only=True)
class DeepFool(Attack):
    """DeepFool, L2 (Moosavi-Dezfooli et al. 2016; thesis 2.2.3): small steps over the nearest linearised boundary.

    For each class k still in question, w_k = ∇f_k − ∇f_y and d_k = |f_k − f_y| / ‖w_k‖ at x + (1 + ξ)·p; with l the
    class of smallest d, p ← p + (d_l + 10⁻⁴)·w_l / ‖w_l‖, until the model is fooled; δ = (1 + ξ)·p. Images that the
    model gets wrong from the start have δ = 0. Untargeted only.

    Attributes:
        steps: largest number of linearisations; 0 gives exactly 0.
        overshoot: ξ, share of the distance that is added to cross the boundary.
        top_k: number of classes in question: the label and those of the highest logits at the start (thesis 4.7.3);
            None for all.

    Example:
        >>> import torch
        >>> image, label = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
        >>> image[..., 0, 0] = 0.6
        >>> model = lambda x: x.flatten(1)[:, :3]  # the logits are the first three pixels
        >>> DeepFool()(model, image, label)[0, 0, 0, :2]
        tensor([-0.0511,  0.0511])
    """

    steps: int = 50
    overshoot: float = 0.02
    top_k: int | None = None

    def __post_init__(self) -> None:
        at_least(self, steps=0, overshoot=0, **({} if self.top_k is None else {"top_k": 2}))

    @property
    def gradients(self) -> int | None:
        """Most gradients that a perturbation takes; None without `top_k`."""
        return None if self.top_k is None else self.steps * self.top_k

    def _perturb(self, problem: Problem) -> Tensor:
        if problem.targeted:
            raise InputError("DeepFool is untargeted; leave the targets out, or use BIM, CW or Square")
        with torch.no_grad():
            logits = problem.logits(problem.images)
        classes = logits.shape[1]
        if self.top_k is not None and self.top_k > classes:
            raise InputError(f"DeepFool: top_k is {self.top_k}; the model knows {classes} classes, give 2 to {classes}")
        label_first = logits.scatter(1, problem.classes[:, None], torch.inf)
        rivals = label_first.topk(self.top_k or classes).indices[:, 1:]
        delta = torch.zeros_like(problem.images)
        for step in range(self.steps):
            if step:
                with torch.no_grad():
                    logits = problem.logits(problem.images + delta[problem.row])
            unfooled = logits.argmax(1) == problem.classes
            if not unfooled.any():
                break
            problem, rivals = problem.select(unfooled), rivals[unfooled]
            x = problem.images + delta[problem.row]
            delta[problem.row] += (1 + self.overshoot) * self._step(*leads(problem, rivals, x))
        return delta

    @staticmethod
    def _step(lead: Tensor, gradients: Tensor) -> Tensor:
        norms = gradients.flatten(2).norm(dim=2) + 1e-8
        distances = lead.abs() / norms
        row, nearest = torch.arange(len(lead), device=lead.device), distances.argmin(1)
        scale = (distances[row, nearest] + 1e-4) / norms[row, nearest]
        step: Tensor = gradients[row, nearest] * scale[:, None, None, None].to(gradients.dtype)
        return step


def leads(problem: Problem, rivals: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Computes f_k − f_y for each rival class k, and its gradient.

    Args:
        problem: samples with their labels y.
        rivals: classes k, `[B, R]`.
        x: perturbed images `[B, C, H, W]`.

    Returns:
        f_k − f_y `[B, R]` and ∇_x(f_k − f_y) `[B, R, C, H, W]`.
    """
    samples, count = rivals.shape
    if samples * count * x[0, 0].numel() <= REPEATED_PIXELS:
        row = torch.arange(samples, device=x.device).repeat_interleave(count)
        repeated = x[row].requires_grad_()
        lead = _lead(problem.select(row), repeated, rivals.reshape(-1, 1))[:, 0]
        gradient = problem.select(row).gradient(lead, repeated)
        return lead.detach().view(samples, count), gradient.view(samples, count, *x.shape[1:])
    x = x.requires_grad_()
    lead = _lead(problem, x, rivals)
    gradients = [problem.gradient(column, x, retain=k < count - 1) for k, column in enumerate(lead.unbind(1))]
    return lead.detach(), torch.stack(gradients, 1)


def _lead(problem: Problem, x: Tensor, rivals: Tensor) -> Tensor:
    logits = problem.logits(x)
    return logits.gather(1, rivals) - logits.gather(1, problem.classes[:, None])
