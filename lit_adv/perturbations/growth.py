"""How an average grows with the number of source models and of noisy copies: what one run keeps to tell.

Source models, in an order drawn from the run's seed, and noisy copies are cut into stretches, and Eq. 4.1 is summed in
cells, one for each pair of stretches. Cells add up to the averages over the first 1, 2, 5, 10, … copies and over up to
five groups of 1, 2, 5, 10, … models that share none. Their number grows with the logarithms of m and n only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.files import atomic_path, sha256
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.noise import Stream
from lit_adv.perturbations.perturbation_set import MANIFEST

GROWTH: Final = "growth.safetensors"
GROUPS: Final = 5
"""The most groups of equally many models."""


def levels(count: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, … below `count`, and `count`."""
    return [*(size for size in sorted(s * 10**e for s in (1, 2, 5) for e in range(19)) if size < count), count]


@dataclass(frozen=True)
class Cells:
    """The cells of a run with m source models and n noisy copies.

    Attributes:
        models: m.
        copies: n.
        seed: the run's; in an order drawn from it a group of models need not be of one family.
    """

    models: int
    copies: int
    seed: int

    @cached_property
    def order(self) -> Tensor:
        """`[m]` int64, the source models' positions in the order in which groups take them."""
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[Stream.ORDER << 32, 0, 0, 0]))
        return torch.from_numpy(generator.permutation(self.models))

    def groups(self, size: int) -> list[range]:
        """Up to five groups of `size` models, as places in the order."""
        return [range(i * size, (i + 1) * size) for i in range(min(GROUPS, self.models // size))]

    @cached_property
    def model_ends(self) -> Tensor:
        """Where the stretches of models end, ascending."""
        return torch.tensor(
            sorted({end for size in levels(self.models) for g in self.groups(size) for end in (g.start, g.stop)} - {0})
        )

    @cached_property
    def copy_ends(self) -> Tensor:
        """Where the stretches of copies end, ascending."""
        return torch.tensor(levels(self.copies))

    def __len__(self) -> int:
        return len(self.model_ends) * len(self.copy_ends)

    def cell(self, model: Tensor, copy: Tensor) -> Tensor:
        """The cell `[B]` of source models `[B]` and copies `[B]`."""
        place = torch.argsort(self.order)[model]
        stretch = torch.searchsorted(self.model_ends, place, right=True)
        return stretch * len(self.copy_ends) + torch.searchsorted(self.copy_ends, copy, right=True)


@dataclass(frozen=True)
class Growth:
    """Sums of a finished run, cell by cell.

    Attributes:
        cells: the cells.
        total: `[cells, N, C, H, W]` int64, Σδ·2⁴⁰ of each cell.
        count: `[cells, N]` int64, how many perturbations are in it.
    """

    cells: Cells
    total: Tensor
    count: Tensor

    @classmethod
    def of(cls, cells: Cells, mean: ExactMean) -> "Growth":
        """From the sums of a run `[cells · N, C, H, W]`, cell after cell."""
        return cls(cells, mean.total.unflatten(0, (len(cells), -1)), mean.count.unflatten(0, (len(cells), -1)))

    def whole(self) -> ExactMean:
        """All cells together: the sums of Eq. 4.1."""
        return summed(self.total[None], self.count[None])

    @property
    def left(self) -> int:
        """How many source models there are, without those that failed."""
        return int(self.count[:, 0].sum()) // self.cells.copies

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Every m and n, in ascending order; the last m is that of all models that are left."""
        numbers = [*(size for size in levels(self.cells.models) if size < self.left), self.left]
        return ((m, n) for m in numbers for n in levels(self.cells.copies))

    def averages(self, models: int, copies: int) -> list[Tensor]:
        """The average `[N, C, H, W]` float32 of each group of so many models over the first copies.

        Groups in which a model has failed are left out; all models that are left are a group.
        """
        last = levels(self.cells.copies).index(copies) + 1
        shape = (len(self.cells.model_ends), len(self.cells.copy_ends))
        total, count = self.total.unflatten(0, shape), self.count.unflatten(0, shape)
        ends = [0, *self.cells.model_ends.tolist()]
        groups = [range(self.cells.models)] if models == self.left else self.cells.groups(models)
        found = []
        for group in groups:
            stretches = slice(ends.index(group.start), ends.index(group.stop))
            mean = summed(total[stretches, :last], count[stretches, :last])
            if (mean.count == models * copies).all():
                found.append(mean.mean())
        return found

    def save(self, folder: Path) -> str:
        """Writes the sums beside a perturbation set; returns the file's SHA-256, for the set's manifest.

        Raises:
            InputError: the folder cannot be written.
        """
        about = torch.tensor([self.cells.models, self.cells.copies, self.cells.seed])
        with atomic_path(folder / GROWTH) as temporary:
            save_file({"total": self.total, "count": self.count, "cells": about}, temporary)
        return sha256(folder / GROWTH)

    @classmethod
    def load(cls, folder: Path, checksum: str | None) -> "Growth":
        """Reads the sums of a finished set.

        Args:
            folder: the set's.
            checksum: the file's SHA-256, `Manifest.growth`; None if the run kept none.

        Raises:
            InputError: it is missing or another file.
        """
        path = folder / GROWTH
        if not path.is_file() or sha256(path) != checksum:
            raise InputError(f"{path} is missing or not the file that {MANIFEST} names; make the set again")
        found = load_file(path)
        return cls(Cells(*found["cells"].tolist()), found["total"], found["count"])


def summed(total: Tensor, count: Tensor) -> ExactMean:
    """Sums `[a, b, N, C, H, W]` and counts `[a, b, N]` of cells added up."""
    mean = ExactMean((0, *total.shape[3:]), 1)
    mean.total, mean.count = total.sum((0, 1)), count.sum((0, 1))
    return mean
