"""Which batches a process does: pieces of the plan, taken one after the other."""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch.distributed import Store
from torch.utils.data import Sampler


class BatchClaim(NamedTuple):
    """One batch to do.

    Attributes:
        number: its number in the plan.
        following: the batch that this process probably does next, so that its model can be loaded in time.
    """

    number: int
    following: int | None


class ClaimSampler(Sampler[BatchClaim]):
    """This process's batches: it takes the next piece that no process has taken, until there is none.

    Args:
        pieces: the same list on all processes.
        store: counts the pieces that are taken.
    """

    def __init__(self, pieces: Sequence[npt.NDArray[np.int64]], store: Store) -> None:
        self.pieces = pieces
        self.store = store

    def __iter__(self) -> Iterator[BatchClaim]:
        while (place := self.store.add("taken", 1) - 1) < len(self.pieces):
            piece = self.pieces[place].tolist()
            for number, following in itertools.pairwise(piece):
                yield BatchClaim(number, following)
            next_free = self.store.add("taken", 0)
            yield BatchClaim(piece[-1], int(self.pieces[next_free][0]) if next_free < len(self.pieces) else None)

    def __len__(self) -> int:
        """The most that this process can get: all of them. (Without a length Lightning would take batches ahead.)"""
        return sum(map(len, self.pieces))
