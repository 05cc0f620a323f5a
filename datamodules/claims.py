"""Batches of one process: pieces of the plan, claimed one after the other."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch.distributed import Store
from torch.utils.data import Sampler


class BatchClaim(NamedTuple):
    """One batch that this process shall do.

    Attributes:
        number: number of the batch in the plan.
        following: number of the batch that this process probably does next, whose model is loaded ahead; None if there
            is none.
    """

    number: int
    following: int | None


class ClaimSampler(Sampler[BatchClaim]):
    """Yields this process's batches: it claims the next piece that no process has claimed, until there is none.

    Args:
        pieces: numbers of batches, the same list on all processes.
        store: store of the run, which counts the claimed pieces.
        enter: called with the number of a piece's first batch before that is begun, and with None when there is no
            piece left; False ends the work.
    """

    def __init__(
        self, pieces: Sequence[npt.NDArray[np.int64]], store: Store, enter: Callable[[int | None], bool]
    ) -> None:
        self.pieces = pieces
        self.store = store
        self.enter = enter

    def __iter__(self) -> Iterator[BatchClaim]:
        while (place := self.store.add("taken", 1) - 1) < len(self.pieces):
            piece = self.pieces[place].tolist()
            if not self.enter(piece[0]):
                return
            for number, following in itertools.pairwise(piece):
                yield BatchClaim(number, following)
            next_free = self.store.add("taken", 0)
            yield BatchClaim(piece[-1], int(self.pieces[next_free][0]) if next_free < len(self.pieces) else None)
        self.enter(None)

    def __len__(self) -> int:
        """Upper bound: all batches. Without a length Lightning prefetches one batch and would claim it too early."""
        return sum(map(len, self.pieces))
