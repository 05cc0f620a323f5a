"""One batch of noisy copies, as the work plan asks for it."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor


class ReplicaBatch(NamedTuple):
    """One batch of the plan.

    Attributes:
        number: the batch's number in the plan.
        model: the first source model's position.
        models: how many consecutive source models; their rows follow each other, the same images for each.
        image: `[B]` int64, positions in the selection, ascending for each model.
        copy: `[B]` int64, numbers of the noisy copies.
        clean: `[B, C, H, W]` in [0, 1], x.
        noisy: `[B, C, H, W]`, x + z; not clipped.
        label: `[B]` int64.
        target: `[B]` int64 where the attack is targeted.
        following: the first source model of the batch that this process probably gets next, and how many from there.
    """

    number: int
    model: int
    models: int
    image: Tensor
    copy: Tensor
    clean: Tensor
    noisy: Tensor
    label: Tensor
    target: Tensor | None
    following: tuple[int, int] | None = None

    def parts(self) -> Iterator["ReplicaBatch"]:
        """The same for each of its models alone."""
        each = len(self.image) // self.models
        for place in range(self.models):
            rows = slice(place * each, (place + 1) * each)
            target = None if self.target is None else self.target[rows]
            yield ReplicaBatch(
                self.number, self.model + place, 1, self.image[rows], self.copy[rows], self.clean[rows],
                self.noisy[rows], self.label[rows], target,
            )  # fmt: skip
