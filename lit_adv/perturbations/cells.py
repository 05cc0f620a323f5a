"""Cells of a run: the (model, copy) pairs whose perturbations share a sum.

Source models are put in an order drawn from the run's seed, and dealt out to groups: an average without one group is
judged by the models of that group, and the differences between groups tell how reliable the average is. With growth,
models and copies are cut into stretches besides. Cells then add up to averages over the first 1, 2, 5, 10, … copies,
and over up to five disjoint sets of 1, 2, 5, 10, … models; their number grows with the logarithms of m and n only.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

import numpy as np
import torch
from torch import Tensor

from lit_adv.perturbations.noise import Stream

GROUPS: Final = 10
"""Number of groups by default, or that of the models where they are fewer."""
SETS: Final = 5
"""Most sets of one size that growth averages over."""


def levels(count: int) -> list[int]:
    """Returns 1, 2, 5, 10, 20, 50, … below `count`, and `count`."""
    return [*(size for size in sorted(s * 10**e for s in (1, 2, 5) for e in range(19)) if size < count), count]


@dataclass(frozen=True)
class Cells:
    """The cells of a run with m source models and n noisy copies.

    Attributes:
        models: m.
        copies: n.
        seed: the run's, from which the order of the models is drawn, for neighbours in a zoo are often of one family;
            None takes them in their own order.
        groups: K, number of groups, at most m.
        growth: whether models and copies are cut into stretches.
    """

    models: int
    copies: int
    seed: int | None
    groups: int = 1
    growth: bool = False

    @cached_property
    def taken(self) -> Tensor:
        """Positions `[m]` int64 of the source models in the order drawn; the first K are of different groups."""
        if self.seed is None:
            return torch.arange(self.models, device="cpu")
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[Stream.ORDER << 32, 0, 0, 0]))
        return torch.from_numpy(generator.permutation(self.models))

    @cached_property
    def order(self) -> Tensor:
        """Positions `[m]` int64 of the source models, group by group."""
        return torch.cat([self.taken[group :: self.groups] for group in range(self.groups)])

    @cached_property
    def group(self) -> Tensor:
        """The group `[m]` int64 of each source model."""
        return torch.argsort(self.taken) % self.groups

    def sets(self, size: int) -> list[range]:
        """Returns growth's sets of `size` models, as ranges of the order."""
        return [range(i * size, (i + 1) * size) for i in range(min(SETS, self.models // size))]

    @cached_property
    def group_ends(self) -> list[int]:
        """End of each group in the order."""
        sizes = [len(range(group, self.models, self.groups)) for group in range(self.groups)]
        return list(accumulate(sizes))

    @cached_property
    def model_ends(self) -> Tensor:
        """Ends of the stretches of models in the order, ascending."""
        sizes = levels(self.models) if self.growth else []
        ends = {end for size in sizes for chosen in self.sets(size) for end in (chosen.start, chosen.stop)} - {0}
        return torch.tensor(sorted(ends | set(self.group_ends)), device="cpu")

    @cached_property
    def copy_ends(self) -> Tensor:
        """Ends of the stretches of copies, ascending."""
        return torch.tensor(levels(self.copies) if self.growth else [self.copies], device="cpu")

    def __len__(self) -> int:
        return len(self.model_ends) * len(self.copy_ends)

    def cell(self, model: Tensor, copy: Tensor) -> Tensor:
        """Returns the cells `[B]` that source models `[B]` and copies `[B]` belong to."""
        rank = torch.argsort(self.order)[model]
        stretch = torch.searchsorted(self.model_ends, rank, right=True)
        return stretch * len(self.copy_ends) + torch.searchsorted(self.copy_ends, copy, right=True)

    def cells_of(self, group: int) -> slice:
        """Returns the cells of a group."""
        ends = [0, *self.model_ends.tolist()]
        first, last = ([0, *self.group_ends][group + place] for place in (0, 1))
        return slice(ends.index(first) * len(self.copy_ends), ends.index(last) * len(self.copy_ends))
