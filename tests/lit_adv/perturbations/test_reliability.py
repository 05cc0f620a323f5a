"""Reliability: what it predicts is what independent halves give, and its intervals hold the truth."""

import json
from dataclasses import asdict, replace
from math import sqrt
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lit_adv.errors import InputError
from lit_adv.perturbations.outlook import Outlook
from lit_adv.perturbations.reliability import Reliability, interval, lower_bounds, rho
from lit_adv.perturbations.variance_shares import Scalars
from tests.lit_adv.perturbations.simulated import grouped, simulated


def of(perturbations, groups):
    """A stand-in for a set with these sums."""
    sums = grouped(perturbations, groups)

    def part(rows=slice(None)):
        return replace(
            sums, total=sums.total[:, rows], square_norms=sums.square_norms[:, rows], squares=sums.squares[rows]
        )

    images = sums.total[0]
    return SimpleNamespace(groups=sums.models, grouped=part, label=images[:, 0, 0, 0], image=images)


@pytest.mark.parametrize("scatter", [0.0, 1.0])
def test_it_predicts_the_cosine_of_independent_averages(scatter):
    generator = torch.Generator().manual_seed(1)
    made = simulated(generator, common=0.2, model=0.3, models=24, copies=3, images=60, scatter=scatter)
    halves = made[:12].sum((0, 1)), made[12:].sum((0, 1))
    measured = functional.cosine_similarity(*halves, dim=1)
    predicted = np.concatenate([rho(grouped(half, 6)) for half in (made[:12], made[12:])])
    error = (predicted.var(ddof=1) / 60 + measured.numpy().var(ddof=1) / 60) ** 0.5
    assert abs(predicted.mean() - float(measured.mean())) < 3.5 * error


def test_it_says_what_other_numbers_give():
    generator = torch.Generator().manual_seed(2)
    made = simulated(generator, common=0.2, model=0.3, models=80, copies=8, images=30, pixels=600)
    outlook = Outlook.of(Scalars.of(grouped(made[:10, :2], 10)))
    for models, copies in ((40, 8), (10, 8), (40, 1)):
        halves = made[:models, :copies].sum((0, 1)), made[40 : 40 + models, :copies].sum((0, 1))
        measured = functional.cosine_similarity(*halves, dim=1).mean()
        assert outlook.rho(models, copies) == pytest.approx(float(measured), abs=0.02)


def test_intervals_hold_the_truth_as_often_as_they_say():
    generator = torch.Generator().manual_seed(3)
    truth = 0.2 / (0.2 + (0.3 + 0.5 / 2) / 12)
    held, held_mean, runs = 0.0, 0, 60
    for _ in range(runs):
        made = simulated(generator, common=0.2, model=0.3, models=12, copies=2, images=6, pixels=300)
        low, high = interval(scalars := Scalars.of(grouped(made, 6)))
        held_mean += low <= truth <= high
        held += (lower_bounds(grouped(made, 6)) <= truth).mean()
        assert low <= rho(grouped(made, 6)).mean() <= high
        assert len(scalars.norms) == 6
    assert held_mean / runs > 0.85
    assert held / runs > 0.93


def test_a_set_says_its_reliability_in_json_and_in_english():
    made = simulated(torch.Generator().manual_seed(4), common=0.2, model=0.3, models=10, copies=4, images=8)
    made[:, :, 0] = 0
    found = Reliability.of(of(made, 5))
    assert found is not None
    assert json.loads(json.dumps(asdict(found)))["models"] == 10
    assert (found.images, found.empty, found.copies) == (7, 1, 4)
    assert found.low < found.rho < found.high
    assert found.common + found.model + found.copy == pytest.approx(1, abs=1e-4)
    assert found.effective == pytest.approx(10, rel=0.01)
    assert [one.models for one in found.needed] == sorted(one.models for one in found.needed)
    assert all(one.alone >= one.models for one in found.needed)
    text = " ".join(found.lines())
    assert f"{found.rho:.3f}" in text
    assert all(one.fewest <= one.models <= one.most for one in found.needed)
    first = found.needed[0]
    assert f"{first.models} models ({first.fewest} to {first.most}) with 4 copies" in text
    assert "1 image has perturbations of one group" in text


def test_needed_models_are_the_least_that_reach_it():
    made = simulated(torch.Generator().manual_seed(5), common=0.2, model=0.3, models=10, copies=4, images=8)
    outlook = Outlook.of(Scalars.of(grouped(made, 10)))
    models = outlook.models_for(0.95, 4)
    assert outlook.rho(models, 4) >= 0.95 > outlook.rho(models - 1, 4)


def test_best_copies_follow_costs():
    made = simulated(torch.Generator().manual_seed(6), common=0.1, model=0.2, models=20, copies=4, images=8)
    found = Reliability.of(of(made, 10))
    models, copies = found.best_copies(load=10, perturbation=0.5, rho=0.99)
    assert copies == pytest.approx(sqrt(10 * found.copy / (0.5 * found.model)), abs=1)
    assert found.best_copies(load=1e-6, perturbation=1)[1] == 1
    cost = models * (10 + 0.5 * copies)
    for other in (1, 2 * copies):
        needed = found.needed[2].models * (found.model + found.copy / other) / (found.model + found.copy / 4)
        assert needed * (10 + 0.5 * other) >= 0.98 * cost
    with pytest.raises(InputError, match="above 0"):
        found.best_copies(load=0, perturbation=1)
    with pytest.raises(InputError, match=r"0\.9, 0\.95, 0\.99"):
        found.best_copies(load=1, perturbation=1, rho=0.5)


def test_one_copy_and_two_groups():
    made = simulated(torch.Generator().manual_seed(7), common=0.3, model=0.3, models=6, copies=1, images=8)
    found = Reliability.of(of(made, 2))
    assert (found.low, found.high, found.model) == (None, None, None)
    assert found.best_copies(1, 1) is None
    assert found.needed[0].models == found.needed[0].alone
    assert (found.needed[0].fewest, found.needed[0].most) == (None, None)
    assert (lower_bounds(grouped(made, 2)) == -1).all()
    assert "one model or one copy" in " ".join(found.lines())


def test_nothing_in_common_is_said():
    made = simulated(torch.Generator().manual_seed(8), common=0.0, model=0.5, models=6, copies=2, images=9)
    found = Reliability.of(of(made, 6))
    assert found.negative > 0
    assert "nothing in common" in " ".join(found.lines())
    assert (lower_bounds(grouped(made, 6)) < 0.5).all()
    assert found.needed[0].most is None


def test_equal_perturbations_are_wholly_reliable():
    made = simulated(torch.Generator().manual_seed(9), common=1.0, model=0.0, models=4, copies=2, images=3)
    found = Reliability.of(of(made, 4))
    assert found.rho == pytest.approx(1)
    assert found.low == pytest.approx(1)
    assert found.needed[2].models == 1
    assert found.best_copies(1, 1) == (1, 1)


def test_no_groups_or_only_zeros_have_none():
    made = simulated(torch.Generator().manual_seed(10), common=0.3, model=0.3, models=4, copies=2, images=3)
    assert Reliability.of(of(made, 1)) is None
    assert Reliability.of(of(torch.zeros_like(made), 4)) is None


def test_what_the_manifest_says_is_taken_from_it():
    made = simulated(torch.Generator().manual_seed(11), common=0.3, model=0.3, models=4, copies=2, images=3)
    one = of(made, 4)
    found = Reliability.of(one)
    for kept in (None, {"rho": 0.5}):
        one.manifest = SimpleNamespace(reliability=kept)
        assert Reliability.known(one) == found
    one.manifest = SimpleNamespace(reliability=json.loads(json.dumps(asdict(replace(found, rho=0.5)))))
    assert Reliability.known(one) == replace(found, rho=0.5)
