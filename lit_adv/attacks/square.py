"""The Square attack."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import sqrt
from typing import ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, at_least, positive
from lit_adv.errors import InputError

HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10,000, after which the squares' share of the image halves (Andriushchenko et al. 2020, 3.2)."""


@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Square attack, L∞ (Andriushchenko et al. 2020; thesis 5.1): random search, without gradients.

    Each query sets a random square of δ to ±ε, one sign for each channel, and keeps it where the loss falls: the margin
    f_y − max_{i≠y} f_i, or, targeted, the cross-entropy of the target. A sample that fools the model is done.
    The draws of a sample come from a generator keyed by the seed and the image's own values, so that they do not
    depend on the batch. Other than in the original, squares can touch the last row and column.

    Attributes:
        epsilon: ε, in units of the [0, 1] pixel range.
        queries: the most evaluations after that of the start; 0 gives exactly 0 (or the stripes).
        p_init: the first squares' share of the image; it halves after 10, 50, 200, … of 10,000 queries, the schedule
            scaled to `queries`.
        stripes: start from vertical stripes of ±ε as the original does, in place of 0 (thesis 5.1).
        seed: of the draws, 0 or more.
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

    def for_model(self, position: int) -> "Square":
        """The attack on source model `position`, with its own draws: without noise all models see the same samples."""
        return replace(self, seed=self.seed + (position << 64))

    @torch.no_grad()
    def _perturb(self, problem: Problem) -> Tensor:
        channels, height, width = problem.images.shape[1:]
        uniform = self._uniform(problem.images)
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
        """The side, in pixels, of the squares of query number `query`, from 0."""
        halved = bisect_left(HALVINGS, query * 10_000 // self.queries)
        return min(max(round(sqrt(self.p_init / 2**halved * height * width)), 1), height, width)

    def _signed(self, uniform: Tensor, dtype: torch.dtype) -> Tensor:
        return self.epsilon * torch.where(uniform < 0.5, -1, 1).to(dtype)

    def _uniform(self, images: Tensor) -> Tensor:
        """Each sample's draws `[B, C·W + queries·(2 + C)]` in [0, 1)."""
        channels, _, width = images.shape[1:]
        size = channels * width + self.queries * (2 + channels)
        key = self.seed.to_bytes(32, "little")
        rows = [
            np.random.Generator(
                np.random.Philox(key=int.from_bytes(blake2b(image.tobytes(), digest_size=16, key=key).digest()))
            ).random(size, dtype=np.float32)
            for image in images.cpu().numpy()
        ]
        return torch.from_numpy(np.stack(rows)).to(images.device)


def squares(top: Tensor, left: Tensor, side: int, height: int, width: int) -> Tensor:
    """Masks `[B, 1, height, width]` of squares; `top` and `left` `[B]` in [0, 1) become positions inside the image."""

    def inside(start: Tensor, size: int) -> Tensor:
        first = (start * (size - side + 1)).long()[:, None]
        pixel = torch.arange(size, device=start.device)
        return (pixel >= first) & (pixel < first + side)

    return (inside(top, height)[:, :, None] & inside(left, width)[:, None, :])[:, None]


def _judge(problem: Problem, delta: Tensor) -> tuple[Tensor, Tensor]:
    """The margin `[B]`, and the loss `[B]` to lower."""
    logits = problem.logits(problem.images + delta)
    margin = problem.margin(logits)
    return margin, -problem.loss(logits) if problem.targeted else margin
