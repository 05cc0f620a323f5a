"""The simulated counter hands every piece to the first free process."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.perturbations.plan import WorkPlan, cut
from lit_adv.perturbations.schedule import Work, describe_work, imbalance, simulate


def test_whoever_is_free_takes_the_next() -> None:
    pieces = [np.array([0, 1]), np.array([2]), np.array([3]), np.array([4])]
    seconds = np.array([2.0, 2.0, 1.0, 5.0, 1.0])
    first, second = simulate(pieces, seconds, 2)
    assert (first.batches, first.seconds) == ([0, 1, 4], 5.0)
    assert (second.batches, second.seconds) == ([2, 3], 6.0)
    assert imbalance([5.0, 6.0]) == 6.0 / 5.5 - 1
    plan = WorkPlan(models=3, images=2, copies=1, batch_size=1)
    assert (first.loads(plan), second.loads(plan)) == (2, 1)


@given(st.integers(1, 9), st.lists(st.floats(0.1, 10.0), min_size=8, max_size=8))
def test_no_process_ends_later_than_the_mean_and_its_last_piece(processes: int, speed: list[float]) -> None:
    """Costs that the cut does not know of, up to a hundredfold."""
    plan = WorkPlan(models=8, images=25, copies=4, batch_size=5)
    seconds = np.repeat(speed, plan.batches_per_stack)
    pieces = cut(plan, range(len(plan)), [1.0] * 8, processes)
    shares = simulate(pieces, seconds, processes)
    assert sorted(number for share in shares for number in share.batches) == list(range(len(plan)))
    longest = max(seconds[piece].sum() for piece in pieces)
    assert max(share.seconds for share in shares) <= seconds.sum() / processes + longest + 1e-9


def test_what_each_process_did_and_how_unevenly() -> None:
    first, second, idle = Work(0, 3, 30, 12.0, 9.0), Work(1, 2, 20, 8.0, 8.0), Work(1, 0, 0, 0.0, 0.0)
    assert describe_work([first, second]) == [
        "process 0: 3 batches, 30 perturbations, 12 s, 75.0 % of them in attacks",
        "process 1: 2 batches, 20 perturbations, 8 s, 100.0 % of them in attacks",
        "imbalance: the slowest took 20 % longer than the mean",
    ]
    assert describe_work([first, idle]) == ["process 0: 3 batches, 30 perturbations, 12 s, 75.0 % of them in attacks"]
    assert describe_work([idle]) == []
