"""The curve of ρ goes through the set's own, and says what two halves show."""

import pytest

from lit_adv.perturbations.reliability import Reliability
from lit_adv.reproduce.halves import THESIS, halves
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.set_name import SetName


def test_the_curve_goes_through_the_set(inputs: FigureInputs) -> None:
    name = SetName.parse("nmm-gradient")
    made = halves(inputs, [name])
    [row] = made.numbers["halves"]
    found = Reliability.of(inputs.perturbations(name))
    assert found is not None
    assert (row["rho"], row["rho low"], row["rho high"]) == pytest.approx((found.rho, found.low, found.high), abs=1e-4)
    assert row["rho"] < row[f"rho of {THESIS} models"] < 1
    assert (row["models"], row["copies"], row["groups"]) == (6, 2, 3)
    assert row["predicted by a half"] is None, "three groups are too few"
    assert set(made.plots) == {"rho"}
