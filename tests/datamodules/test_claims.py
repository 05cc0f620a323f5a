"""Processes that share a store take every batch once."""

import random
import threading

import numpy as np
import pytest
from torch.distributed import HashStore

from datamodules.claims import BatchClaim, ClaimSampler
from lit_adv.perturbations.plan import WorkPlan, cut


def always(_: int | None) -> bool:
    """Lets every batch begin."""
    return True


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_every_batch_falls_to_one_process(processes: int) -> None:
    plan = WorkPlan(models=7, images=11, copies=3, batch_size=2)
    pieces = cut(plan, range(len(plan)), range(1, 8), processes)
    store = HashStore()
    claims = [iter(ClaimSampler(pieces, store, always)) for _ in range(processes)]
    dice, taken = random.Random(0), []
    while claims:
        process = dice.choice(claims)
        claim = next(process, None)
        if claim is None:
            claims.remove(process)
        else:
            taken.append(claim.number)
    assert sorted(taken) == list(range(len(plan)))


def test_at_the_same_time() -> None:
    pieces, store, taken = [np.array([i]) for i in range(2000)], HashStore(), []
    threads = [
        threading.Thread(target=lambda: taken.extend(c.number for c in ClaimSampler(pieces, store, always)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(2000))


def test_what_follows() -> None:
    pieces = [np.array([0, 1, 2]), np.array([5]), np.array([7, 8])]
    assert list(ClaimSampler(pieces, HashStore(), always)) == [
        BatchClaim(0, 1), BatchClaim(1, 2), BatchClaim(2, 5), BatchClaim(5, 7), BatchClaim(7, 8), BatchClaim(8, None),
    ]  # fmt: skip


def test_nothing_begins_after_the_end() -> None:
    asked: list[int | None] = []

    def enter(first: int | None) -> bool:
        asked.append(first)
        return first != 5

    pieces = [np.array([0, 1, 2]), np.array([5]), np.array([7, 8])]
    assert [claim.number for claim in ClaimSampler(pieces, HashStore(), enter)] == [0, 1, 2]
    assert asked == [0, 5]
    assert len(list(ClaimSampler(pieces[:1], HashStore(), enter))) == 3
    assert asked[2:] == [0, None]
