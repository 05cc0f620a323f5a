"""The plan covers every (model, image, copy) once; pieces partition it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.errors import InputError
from lit_adv.perturbations.plan import WorkPlan, cut

plans = st.builds(WorkPlan, *[st.integers(1, 6)] * 3, batch_size=st.integers(1, 9), stacked=st.integers(1, 4))


def triples(plan: WorkPlan) -> list[tuple[int, int, int]]:
    batches = [plan.batch(i) for i in range(len(plan))]
    return [
        (m, i, c) for b in batches for m in b.models for i, c in zip(b.image.tolist(), b.copy.tolist(), strict=True)
    ]


@given(plans)
def test_each_triple_once(plan: WorkPlan) -> None:
    expected = [(m, i, c) for m in range(plan.models) for i in range(plan.images) for c in range(plan.copies)]
    assert sorted(triples(plan)) == expected
    if plan.stacked == 1 or plan.pairs <= plan.batch_size:
        assert triples(plan) == expected
    batches = [plan.batch(i) for i in range(len(plan))]
    assert [len(b.models) * len(b.image) for b in batches] == [plan.rows(i) for i in range(len(plan))]
    assert all(len(b.image) <= plan.batch_size and len(b.models) <= plan.stacked for b in batches)


@given(plans, st.integers(1, 7), st.data())
def test_pieces_partition_what_is_left(plan: WorkPlan, processes: int, data: st.DataObject) -> None:
    todo = sorted(data.draw(st.sets(st.integers(0, len(plan) - 1))))
    costs = data.draw(st.lists(st.floats(0.01, 100), min_size=plan.models, max_size=plan.models))
    pieces = cut(plan, todo, costs, processes)
    assert [number for piece in pieces for number in piece.tolist()] == todo
    assert all(len(piece) for piece in pieces)
    if len(todo) >= processes:
        assert len(pieces) >= processes


def test_pieces_are_small_and_smaller_at_the_end() -> None:
    plan = WorkPlan(models=1, images=1280, copies=1, batch_size=1)
    lengths = [len(piece) for piece in cut(plan, range(1280), [1.0], 2)]
    assert lengths[:4] == [10] * 4
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-4:] == [1] * 4
    assert [len(piece) for piece in cut(plan, range(1280), [1.0], 1)] == [1280]
    assert [len(piece) for piece in cut(plan, range(20), [1.0], 2)] == [1] * 20


def test_pieces_follow_the_cost_of_the_models() -> None:
    plan = WorkPlan(models=2, images=64, copies=20, batch_size=1)
    lengths = [len(piece) for piece in cut(plan, range(len(plan)), [3.0, 1.0], 2)]
    # 5120 units of cost in all, 40 a piece: 13 batches of the first model, 40 of the second.
    assert lengths[:90] == [13] * 90
    assert lengths[100:110] == [40] * 10


def test_no_process_goes_without_beside_a_model_that_costs_nearly_all() -> None:
    plan = WorkPlan(models=5, images=1, copies=1, batch_size=1)
    pieces = cut(plan, range(5), [1.0, 1.0, 0.0625, 0.0625, 38.0], 5)
    assert [piece.tolist() for piece in pieces] == [[0], [1], [2], [3], [4]]


def test_a_batch_of_several_models_costs_their_sum() -> None:
    plan = WorkPlan(models=3, images=2, copies=5, batch_size=8, stacked=2)
    assert [plan.models_of(i) for i in range(len(plan))] == [range(2), range(2), range(2, 3), range(2, 3)]
    assert [plan.cost(i, [1.0, 10.0, 100.0]) for i in range(len(plan))] == [88.0, 22.0, 800.0, 200.0]


@pytest.mark.parametrize("name", ["models", "images", "copies", "batch_size", "stacked"])
def test_numbers_below_one(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0"):
        WorkPlan(**{**{"models": 1, "images": 1, "copies": 1, "batch_size": 1}, name: 0})


def test_more_batches_than_a_list_can_hold_are_refused_at_once() -> None:
    WorkPlan(models=10, images=10, copies=10**6, batch_size=100)
    with pytest.raises(InputError, match="11250000000 batches are more than the 1000000 that can be planned"):
        WorkPlan(models=3, images=10, copies=3 * 10**9, batch_size=8)
