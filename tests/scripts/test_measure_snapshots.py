"""What snapshots are worth: independent models are worth their number, copies of one nothing more."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.halves import gram
from scripts.measure_snapshots import by_run, cosine, equal, worth
from tests.lit_adv.perturbations.simulated import grouped, simulated


def products(models: int):
    made = simulated(torch.Generator().manual_seed(5), common=0.1, model=0.4, models=models, copies=2, images=30)
    return gram(grouped(made, models))


def test_cosines_are_those_of_the_sums() -> None:
    made = simulated(torch.Generator().manual_seed(6), common=0.2, model=0.4, models=8, copies=2, images=5)
    sums = made.sum(1)
    first, second = np.array([0, 3]), np.array([1, 2, 6])
    expected = torch.nn.functional.cosine_similarity(sums[first].sum(0), sums[second].sum(0))
    np.testing.assert_allclose(cosine(gram(grouped(made, 8)), first, second), expected.numpy())


def test_independent_models_are_worth_their_number_and_one_repeated_is_worth_one() -> None:
    found, reference = products(50), np.arange(30, 50)
    curve = {k: cosine(found, np.arange(k), reference) for k in range(1, 21)}
    generator = np.random.default_rng(1)
    value, low, high = worth(curve, cosine(found, np.arange(20, 25), reference)[None], generator)
    assert low <= value <= high
    assert value == pytest.approx(5, rel=0.25)
    again = cosine(found, np.array([20, 20, 20, 20]), reference)
    assert worth(curve, again[None], generator)[0] == pytest.approx(1, rel=0.25)


def test_the_number_is_read_off_the_formula() -> None:
    numbers = np.arange(1, 30)
    cosines = 0.9 * np.sqrt(numbers / (numbers + 7.0))
    assert equal(numbers, cosines, 0.9 * np.sqrt(2.5 / 9.5)) == pytest.approx(2.5)
    assert equal(numbers, cosines, 0.95) == np.inf


def test_snapshots_are_put_in_the_order_of_their_epochs() -> None:
    names = ["a", "a-epoch-10", "a-epoch-2", "b-epoch-2", "b", "b-epoch-10"]
    runs = by_run([SimpleNamespace(name=name) for name in names])
    assert [[one.name for one in run] for run in runs] == [
        ["a-epoch-2", "a-epoch-10", "a"],
        ["b-epoch-2", "b-epoch-10", "b"],
    ]
    with pytest.raises(InputError, match="as many of each training"):
        by_run([SimpleNamespace(name=name) for name in ("a", "b")])
