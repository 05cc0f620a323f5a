"""Square attack."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import sqrt
from typing import ClassVar, Final

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, at_least, positive
from lit_adv.attacks.draws import uniform as drawn
from lit_adv.errors import InputError

HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Numbers of queries, of 10,000, after which the squares' area halves (Andriushchenko et al. 2020, 3.2)."""


@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Square attack, L∞ (Andriushchenko et al. 2020; thesis 5.1): random search, without gradients.

    Each query sets a random square of δ to ±ε, one sign for each channel. It is kept where the loss falls: the margin
    f_y − max_{i≠y} f_i, or, targeted, the log-odds against the target, which fall with its cross-entropy. A sample that
    fools the model is done. A sample's draws come from a generator keyed by the seed and the image's own values, and so
    are the same in every batch. Unlike in the original, squares can touch the last row and column.

    Attributes:
        epsilon: ε, magnitude of δ, in units of the [0, 1] pixel range.
        queries: largest number of evaluations after the first; 0 gives exactly 0, or the stripes.
        p_init: share of the image that the first squares cover, 0 < value ≤ 1. It halves after 10, 50, 200, … of
            10,000 queries, a schedule that is scaled to `queries`.
        stripes: start from vertical stripes of ±ε as the original does, in place of 0 (thesis 5.1).
        seed: seed of the draws, 0 or more.

    Example:
        >>> import torch
        >>> image, label = torch.full((1, 1, 4, 4), 0.5), torch.tensor([0])
        >>> image[..., 0, 0] = 0.6
        >>> model = lambda x: x.flatten(1)[:, :3]  # the logits are the first three pixels
        >>> delta = Square(epsilon=0.2, queries=100)(model, image, label)
        >>> model(image + delta).argmax(1) != label, delta.abs().max()
        (tensor([True]), tensor(0.2000))
    """

    cost_parameter: ClassVar[str | None] = "queries"

    epsilon: float
    queries: int = 5000
    p_init: float = 0.8
    stripes: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        positive(self, "epsilon", "p_init")
        at_least(self, queries=0, seed=0)
        if self.p_init > 1:
            raise InputError(f"Square: p_init is {self.p_init}; it is a share of the image, at most 1")

    @property
    def gradients(self) -> int:
        """It takes none."""
        return 0

    def for_model(self, position: int) -> "Square":
        """Returns the attack with draws of its own for the source model at `position`.

        Without noise all models see the same images, whose draws would be equal.
        """
        return replace(self, seed=self.seed + (position << 64))

    @torch.no_grad()
    def _perturb(self, problem: Problem) -> Tensor:
        channels, height, width = problem.images.shape[1:]
        uniform = drawn(problem.images, channels * width + self.queries * (2 + channels), self.seed)
        stripes, uniform = uniform.split([channels * width, self.queries * (2 + channels)], 1)
        delta = torch.zeros_like(problem.images)
        if self.stripes:
            delta += self._signed(stripes.view(-1, channels, 1, width), delta.dtype)
        uniform = uniform.unflatten(1, (self.queries, 2 + channels))
        current = delta.clone()
        margin, loss = _judge(problem, current)
        for query in range(self.queries):
            unfooled = margin >= 0
            if not unfooled.all():
                delta[problem.row] = current
                problem, uniform, current = problem.select(unfooled), uniform[unfooled], current[unfooled]
                margin, loss = margin[unfooled], loss[unfooled]
            if not len(current):
                break
            top, left, *signs = uniform[:, query].unbind(1)
            square = squares(top, left, self.side(query, height, width), height, width)
            colour = self._signed(torch.stack(signs, 1)[:, :, None, None], delta.dtype)
            proposal = torch.where(square, colour, current)
            new_margin, new_loss = _judge(problem, proposal)
            better = (new_loss < loss) | (new_margin < 0)
            current = torch.where(better[:, None, None, None], proposal, current)
            margin, loss = torch.where(better, new_margin, margin), torch.where(better, new_loss, loss)
        delta[problem.row] = current
        return delta

    def side(self, query: int, height: int, width: int) -> int:
        """Computes the squares' side in pixels at query number `query`, counted from 0."""
        halved = bisect_left(HALVINGS, query * 10_000 // self.queries)
        return min(max(round(sqrt(self.p_init / 2**halved * height * width)), 1), height, width)

    def _signed(self, uniform: Tensor, dtype: torch.dtype) -> Tensor:
        return self.epsilon * torch.where(uniform < 0.5, -1, 1).to(dtype)


def squares(top: Tensor, left: Tensor, side: int, height: int, width: int) -> Tensor:
    """Returns masks `[B, 1, height, width]` of squares inside the image, placed by `top` and `left` `[B]` in [0, 1)."""

    def inside(start: Tensor, size: int) -> Tensor:
        first = (start * (size - side + 1)).long()[:, None]
        pixel = torch.arange(size, device=start.device)
        return (pixel >= first) & (pixel < first + side)

    return (inside(top, height)[:, :, None] & inside(left, width)[:, None, :])[:, None]


def _judge(problem: Problem, delta: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the margin `[B]`, and the loss `[B]` to lower."""
    logits = problem.logits(problem.images + delta)
    margin = problem.margin(logits)
    return margin, -problem.log_odds(logits) if problem.targeted else margin
