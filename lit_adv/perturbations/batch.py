"""One batch of the work plan, with its images and noisy copies."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor


class ReplicaBatch(NamedTuple):
    """One batch of the plan.

    Attributes:
        number: the batch's number in the plan.
        model: position of the first source model.
        models: number of consecutive source models. Their rows follow each other, the same images for each.
        image: `[B]` int64, positions in the selection, ascending for each model.
        copy: `[B]` int64, numbers of the noisy copies.
        clean: `[B, C, H, W]` in [0, 1], x.
        noisy: `[B, C, H, W]`, x + z; not clipped.
        label: `[B]` int64, classes.
        target: `[B]` int64, classes to reach; None for an untargeted attack.
        following: `model` and `models` of the batch that this process probably does next.
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

    def per_model(self) -> Iterator["ReplicaBatch"]:
        """Yields a batch for each of the source models alone."""
        each = len(self.image) // self.models
        for offset in range(self.models):
            rows = slice(offset * each, (offset + 1) * each)
            target = None if self.target is None else self.target[rows]
            yield ReplicaBatch(
                self.number, self.model + offset, 1, self.image[rows], self.copy[rows], self.clean[rows],
                self.noisy[rows], self.label[rows], target,
            )  # fmt: skip
