"""The sums of a finished run, cell by cell, from which averages over fewer models or copies are computed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.files import atomic_path, sha256
from lit_adv.perturbations.cells import Cells, levels
from lit_adv.perturbations.exact_mean import SQUARE_SCALE, WORD_BITS, ExactMean
from lit_adv.perturbations.exact_scalars import as_numbers
from lit_adv.perturbations.grouped_sums import GroupedSums

SUMS: Final = "sums.safetensors"
GROWTH: Final = "growth.safetensors"
"""Its name in versions up to 0.3, which kept it with growth only."""


@dataclass(frozen=True)
class CellSums:
    """The sums of a finished run, cell by cell.

    Attributes:
        cells: the cells.
        total: `[words, cells, N, C, H, W]` int64, the sums of each cell, see `ExactMean`.
        count: `[cells, N]` int64, perturbations in each cell.
        squares: `[words, N, C, H, W]` int64, Σδ²·2⁻⁶ over all of them; without rows where there is one group.
        norms: `[words, m, N]` int64, Σ‖δ‖² of each model, see `ExactScalars`; likewise.
        kept: positions of the models that are in them, for a failed one is not; in the order of the set's sources.
    """

    cells: Cells
    total: Tensor
    count: Tensor
    squares: Tensor
    norms: Tensor
    kept: tuple[int, ...]

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Positions in `kept` of the models of each group that has any; empty where there are not two such groups."""
        group = self.cells.group[list(self.kept)].tolist()
        found = [tuple(i for i, g in enumerate(group) if g == k) for k in range(self.cells.groups)]
        return tuple(filter(None, found)) if sum(map(bool, found)) > 1 else ()

    def _cells_of(self, group: int) -> slice:
        return self.cells.cells_of(int(self.cells.group[self.kept[self.groups[group][0]]]))

    def without(self, group: int) -> ExactMean:
        """Returns the sums over all models but those of a group, of those that `groups` lists."""
        left, everyone = self._cells_of(group), self.overall()
        everyone.total = everyone.total - self.total[:, left].sum(1)
        everyone.count = everyone.count - self.count[left].sum(0)
        return everyone

    def grouped(self, rows: slice = slice(None)) -> GroupedSums:
        """Returns the sums of each group for the images in `rows`, as numbers.

        Raises:
            InputError: there are not two groups.
        """
        if not self.groups:
            raise InputError("the set keeps no groups of source models; make it again, of at least two models")
        words = torch.stack([self.total[:, self._cells_of(k), rows].sum(1) for k in range(len(self.groups))], 1)
        scales = torch.tensor([2.0 ** (-WORD_BITS * place) for place in range(1, len(words) + 1)]).double()
        squares = self.squares[:, rows].double() / SQUARE_SCALE
        return GroupedSums(
            total=(words.double() * scales.view(-1, 1, 1, 1, 1, 1)).sum(0),
            models=self.groups,
            square_norms=as_numbers(self.norms[:, list(self.kept)][:, :, rows]),
            squares=(squares * scales.view(-1, 1, 1, 1, 1)).sum(0),
            copies=int(self.count[:, 0].sum()) // len(self.kept),
        )

    def subset(self, index: Tensor) -> "CellSums":
        """Returns the sums of the images at positions `index` `[n]`."""
        has = self.cells.groups > 1
        return replace(
            self,
            total=self.total[:, :, index],
            count=self.count[:, index],
            squares=self.squares[:, index] if has else self.squares,
            norms=self.norms[:, :, index] if has else self.norms,
        )

    def overall(self) -> ExactMean:
        """Adds up all cells: the sums of Eq. 4.1."""
        return summed(self.total[:, None], self.count[None])

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yields every (m, n), ascending; the last m is the number of surviving models."""
        sizes = [*(size for size in levels(self.cells.models) if size < len(self.kept)), len(self.kept)]
        return ((m, n) for m in sizes for n in levels(self.cells.copies))

    def averages(self, models: int, copies: int) -> list[Tensor]:
        """Returns the average `[N, C, H, W]` float32 of each of growth's sets of `models` over the first `copies`.

        Sets with a failed model are left out. All surviving models form a set.
        """
        last = levels(self.cells.copies).index(copies) + 1
        shape = (len(self.cells.model_ends), len(self.cells.copy_ends))
        total, count = self.total.unflatten(1, shape), self.count.unflatten(0, shape)
        ends = [0, *self.cells.model_ends.tolist()]
        sets = [range(self.cells.models)] if models == len(self.kept) else self.cells.sets(models)
        found = []
        for chosen in sets:
            stretches = slice(ends.index(chosen.start), ends.index(chosen.stop))
            mean = summed(total[:, stretches, :last], count[stretches, :last])
            if (mean.count == models * copies).all():
                found.append(mean.mean())
        return found

    def save(self, folder: Path) -> str:
        """Writes the sums beside a perturbation set; returns the file's SHA-256 for the set's manifest.

        Raises:
            InputError: the folder cannot be written.
        """
        cells = self.cells
        tensors = {
            "total": self.total, "count": self.count, "squares": self.squares, "norms": self.norms,
            "kept": torch.tensor(self.kept),
            "cells": torch.tensor([cells.models, cells.copies, cells.groups, cells.growth, cells.seed is not None]),
        }  # fmt: skip
        with atomic_path(folder / SUMS) as temporary:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
        return sha256(folder / SUMS)


class SumsFile(NamedTuple):
    """The file of a finished set's sums, read when somebody asks for them.

    Attributes:
        folder: the set's.
        checksum: the file's SHA-256.
        seed: the run's.
        rows: positions of the images that are asked for; None for all.
    """

    folder: Path
    checksum: str
    seed: int
    rows: Tensor | None = None

    def subset(self, index: Tensor) -> "SumsFile":
        """Returns what reads the sums of the images at positions `index` `[n]` only."""
        return self._replace(rows=index if self.rows is None else self.rows[index])

    def read(self) -> CellSums:
        """Reads the sums.

        Raises:
            InputError: the file is missing or another one.
        """
        path = self.folder / SUMS
        if not path.exists():
            path = self.folder / GROWTH
        if not path.is_file() or sha256(path) != self.checksum:
            raise InputError(f"{self.folder / SUMS} is missing or not the file of the set; make the set again")
        try:
            found = load_file(path)
            sums = self._of(found)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged: {error!r}; make the set again") from error
        return sums if self.rows is None else sums.subset(self.rows)

    def _of(self, found: dict[str, Tensor]) -> CellSums:
        total, none = found["total"], torch.zeros((1, 0), dtype=torch.int64)
        models, copies, *rest = found["cells"].tolist()
        if "kept" in found:
            groups, growth, drawn = rest
            cells = Cells(models, copies, self.seed if drawn else None, groups, bool(growth))
            kept = tuple(found["kept"].tolist())
            return CellSums(cells, total, found["count"], found["squares"], found["norms"], kept)
        cells = Cells(models, copies, rest[0], growth=True)
        words = total if total.ndim == 6 else total[None]  # older files hold one word
        left = range(int(found["count"][:, 0].sum()) // copies)  # how many did not fail; it does not say which
        return CellSums(cells, words, found["count"], none, none, tuple(left))


def summed(total: Tensor, count: Tensor) -> ExactMean:
    """Adds up the sums `[words, a, b, N, C, H, W]` and counts `[a, b, N]` of cells."""
    mean = ExactMean((0, *total.shape[4:]), 1, WORD_BITS * len(total))
    mean.total, mean.count = total.sum((1, 2)), count.sum((0, 1))
    return mean
