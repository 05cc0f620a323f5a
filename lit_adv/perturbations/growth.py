"""Partial sums from which, after one run, averages over fewer source models or noisy copies are computed.

Source models are put in an order drawn from the run's seed, and models and copies are cut into stretches. Eq. 4.1 is
summed in cells, one for each pair of stretches. Cells add up to averages over the first 1, 2, 5, 10, … copies, and over
up to five disjoint groups of 1, 2, 5, 10, … models. The number of cells grows with the logarithms of m and n only.
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
from lit_adv.perturbations.exact_mean import WORD_BITS, ExactMean
from lit_adv.perturbations.noise import Stream
from lit_adv.perturbations.perturbation_set import MANIFEST

GROWTH: Final = "growth.safetensors"
GROUPS: Final = 5
"""Most groups of one size."""


def levels(count: int) -> list[int]:
    """Returns 1, 2, 5, 10, 20, 50, … below `count`, and `count`."""
    return [*(size for size in sorted(s * 10**e for s in (1, 2, 5) for e in range(19)) if size < count), count]


@dataclass(frozen=True)
class Cells:
    """The cells of a run with m source models and n noisy copies.

    Attributes:
        models: m.
        copies: n.
        seed: the run's. The order of the models is drawn from it, for neighbours in a zoo are often of one family.
    """

    models: int
    copies: int
    seed: int

    @cached_property
    def order(self) -> Tensor:
        """Positions `[m]` int64 of the source models, in the order in which groups take them."""
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[Stream.ORDER << 32, 0, 0, 0]))
        return torch.from_numpy(generator.permutation(self.models))

    def groups(self, size: int) -> list[range]:
        """Returns up to five groups of `size` models, as ranges of the order."""
        return [range(i * size, (i + 1) * size) for i in range(min(GROUPS, self.models // size))]

    @cached_property
    def model_ends(self) -> Tensor:
        """Ends of the stretches of models in the order, ascending."""
        return torch.tensor(
            sorted({end for size in levels(self.models) for g in self.groups(size) for end in (g.start, g.stop)} - {0})
        )

    @cached_property
    def copy_ends(self) -> Tensor:
        """Ends of the stretches of copies, ascending."""
        return torch.tensor(levels(self.copies))

    def __len__(self) -> int:
        return len(self.model_ends) * len(self.copy_ends)

    def cell(self, model: Tensor, copy: Tensor) -> Tensor:
        """Returns the cells `[B]` that source models `[B]` and copies `[B]` belong to."""
        rank = torch.argsort(self.order)[model]
        stretch = torch.searchsorted(self.model_ends, rank, right=True)
        return stretch * len(self.copy_ends) + torch.searchsorted(self.copy_ends, copy, right=True)


@dataclass(frozen=True)
class Growth:
    """The sums of a finished run, cell by cell.

    Attributes:
        cells: the cells.
        total: `[words, cells, N, C, H, W]` int64, the sums of each cell, see `ExactMean`.
        count: `[cells, N]` int64, perturbations in each cell.
    """

    cells: Cells
    total: Tensor
    count: Tensor

    @classmethod
    def from_mean(cls, cells: Cells, mean: ExactMean) -> "Growth":
        """Splits the sums of a run, `[cells · N, C, H, W]`, into cells."""
        return cls(cells, mean.total.unflatten(1, (len(cells), -1)), mean.count.unflatten(0, (len(cells), -1)))

    def overall(self) -> ExactMean:
        """Adds up all cells: the sums of Eq. 4.1."""
        return summed(self.total[:, None], self.count[None])

    @property
    def surviving_models(self) -> int:
        """Number of source models that did not fail."""
        return int(self.count[:, 0].sum()) // self.cells.copies

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yields every (m, n), ascending; the last m is the number of surviving models."""
        sizes = [*(size for size in levels(self.cells.models) if size < self.surviving_models), self.surviving_models]
        return ((m, n) for m in sizes for n in levels(self.cells.copies))

    def averages(self, models: int, copies: int) -> list[Tensor]:
        """Returns the average `[N, C, H, W]` float32 of each group of `models` over the first `copies`.

        Groups with a failed model are left out. All surviving models form a group.
        """
        last = levels(self.cells.copies).index(copies) + 1
        shape = (len(self.cells.model_ends), len(self.cells.copy_ends))
        total, count = self.total.unflatten(1, shape), self.count.unflatten(0, shape)
        ends = [0, *self.cells.model_ends.tolist()]
        groups = [range(self.cells.models)] if models == self.surviving_models else self.cells.groups(models)
        found = []
        for group in groups:
            stretches = slice(ends.index(group.start), ends.index(group.stop))
            mean = summed(total[:, stretches, :last], count[stretches, :last])
            if (mean.count == models * copies).all():
                found.append(mean.mean())
        return found

    def save(self, folder: Path) -> str:
        """Writes the sums beside a perturbation set; returns the file's SHA-256 for the set's manifest.

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
            folder: the set's folder.
            checksum: the file's SHA-256, `Manifest.growth`; None if the run kept none.

        Raises:
            InputError: the file is missing or another one.
        """
        path = folder / GROWTH
        if not path.is_file() or sha256(path) != checksum:
            raise InputError(f"{path} is missing or not the file that {MANIFEST} names; make the set again")
        found = load_file(path)
        total = found["total"]
        words = total if total.ndim == 6 else total[None]  # older files hold one word
        return cls(Cells(*found["cells"].tolist()), words, found["count"])


def summed(total: Tensor, count: Tensor) -> ExactMean:
    """Adds up the sums `[words, a, b, N, C, H, W]` and counts `[a, b, N]` of cells."""
    mean = ExactMean((0, *total.shape[4:]), 1, WORD_BITS * len(total))
    mean.total, mean.count = total.sum((1, 2)), count.sum((0, 1))
    return mean
