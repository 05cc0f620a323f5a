"""Predicted and measured reliability on a zoo, tiny."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts.measure_reliability import compared, measure_reliability
from tests.lit_adv.perturbations.simulated import grouped, simulated


def test_what_is_predicted_is_measured() -> None:
    made = simulated(torch.Generator().manual_seed(2), common=0.2, model=0.3, models=20, copies=3, scatter=0.5)
    found = compared("", grouped(made, 20), grouped(made[:, :2], 20), 5)
    assert found.predicted[0] == pytest.approx(found.measured[0], abs=0.02)
    assert found.from_few[0] == pytest.approx(found.measured[0], abs=0.03)
    for value, low, high in (found.predicted, found.measured, found.from_few):
        assert low < value < high


def test_it_runs_on_a_zoo(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "found.json"
    options = {"copies": 2, "per_class": 1, "steps": 1, "few_models": 3, "json_file": path}
    wrong = {"no attack Nothing": {"attacks": "Nothing"}, "few_copies": {"few_copies": 1}, "3 to 3": {"few_models": 4}}
    for message, words in wrong.items():
        with pytest.raises(InputError, match=message):
            measure_reliability(zoo.path, **{**options, **words})
    measure_reliability(zoo.path, attacks="Gradient", **options)
    assert "Gradient" in capsys.readouterr().out
    [row] = json.loads(path.read_text())["rows"]
    assert row["attack"] == "Gradient"
    assert np.isfinite(row["predicted"]).all()
