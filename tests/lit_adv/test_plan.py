"""The plan covers every (model, image, copy) once; shares partition it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.errors import InputError
from lit_adv.plan import WorkPlan, share

plans = st.builds(WorkPlan, *[st.integers(1, 6)] * 3, batch_size=st.integers(1, 9))


def triples(plan: WorkPlan) -> list[tuple[int, int, int]]:
    batches = [plan.batch(i) for i in range(len(plan))]
    return [(b.model, i, c) for b in batches for i, c in zip(b.image.tolist(), b.copy.tolist(), strict=True)]


@given(plans)
def test_each_triple_once_in_the_same_order_for_any_batch_size(plan: WorkPlan) -> None:
    expected = [(m, i, c) for m in range(plan.models) for i in range(plan.images) for c in range(plan.copies)]
    assert triples(plan) == expected
    assert [len(plan.batch(i).image) for i in range(len(plan))] == [plan.rows(i) for i in range(len(plan))]
    assert all(plan.rows(i) <= plan.batch_size for i in range(len(plan)))


@given(plans, st.integers(1, 7), st.data())
def test_shares_partition_what_is_left(plan: WorkPlan, world_size: int, data: st.DataObject) -> None:
    todo = sorted(data.draw(st.sets(st.integers(0, len(plan) - 1))))
    costs = data.draw(st.lists(st.floats(0.01, 100), min_size=plan.models, max_size=plan.models))
    shares = [share(plan, todo, costs, rank=r, world_size=world_size) for r in range(world_size)]
    assert np.concatenate(shares).tolist() == todo
    if len(todo) >= world_size:
        assert all(len(s) for s in shares)


def test_shares_follow_the_cost_of_the_models() -> None:
    plan = WorkPlan(models=2, images=10, copies=10, batch_size=1)
    first = share(plan, range(200), [3.0, 1.0], rank=0, world_size=2)
    # 400 units of cost in all; 200 are reached two thirds into the first model's 100 batches.
    assert len(first) in (66, 67)


@pytest.mark.parametrize("name", ["models", "images", "copies", "batch_size"])
def test_numbers_below_one(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0"):
        WorkPlan(**{**{"models": 1, "images": 1, "copies": 1, "batch_size": 1}, name: 0})
