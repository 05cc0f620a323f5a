"""Plans in stages: every prefix is balanced, every perturbation planned once."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.staged_plan import FIRST, Stage, StagedPlan, stages


def planned(models: int, images: int, copies: int, batch_size: int) -> StagedPlan:
    taken = tuple(Cells(models, copies, 0).taken.tolist())
    return StagedPlan(models, images, copies, batch_size, taken=taken)


@given(models=st.integers(1, 400), copies=st.integers(1, 60))
def test_stages_grow_by_half_or_one_to_all(models: int, copies: int) -> None:
    found = stages(models, copies)
    assert found[0] == Stage(min(models, FIRST), 1)
    assert found[-1] == Stage(models, copies)
    for before, after in pairwise(found):
        assert after.models >= before.models
        assert after.copies >= before.copies
        before_count, after_count = before.models * before.copies, after.models * after.copies
        assert before_count < after_count <= max(1.5 * before_count + before.models, before_count + before.models)


@settings(max_examples=30, deadline=None)
@given(models=st.integers(1, 20), images=st.integers(1, 4), copies=st.integers(1, 6), batch_size=st.integers(1, 9))
def test_every_stage_is_balanced_and_every_perturbation_once(
    models: int, images: int, copies: int, batch_size: int
) -> None:
    plan = planned(models, images, copies, batch_size)
    counts = np.zeros((models, images, copies), dtype=int)
    first = 0
    for number, stage in enumerate(plan.stages):
        last = plan.batches_until(number)
        for index in range(first, last):
            batch = plan.batch(index)
            assert plan.stage_of(index) == number
            assert batch.index == index
            assert batch.models == plan.models_of(index)
            assert len(batch.image) == plan.rows(index) <= batch_size
            for model in batch.models:
                np.add.at(counts[model], (batch.image, batch.copy), 1)
        taken = list(plan.taken[: stage.models])
        assert (counts[taken, :, : stage.copies] == 1).all()
        assert counts.sum() == stage.models * images * stage.copies
        first = last
    assert first == len(plan)


def test_costs_are_those_of_the_models_taken() -> None:
    plan = planned(7, 3, 2, 100)
    costs = [float(10**model) for model in range(7)]
    assert [plan.cost(index, costs) for index in range(5)] == [3 * costs[model] for model in plan.taken[:5]]


@pytest.mark.parametrize("groups", [2, 5])
def test_the_first_models_are_of_different_groups(groups: int) -> None:
    cells = Cells(20, 1, 3, groups)
    assert cells.taken.tolist() == Cells(20, 4, 3, 1).taken.tolist()
    assert sorted(cells.group[cells.taken[:groups]].tolist()) == list(range(groups))
