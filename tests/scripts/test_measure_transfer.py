"""Transfer against recognizability: correlations are scipy's, classes are taken apart, and it runs on a tiny zoo."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr

from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts import measure_transfer as measure_transfer_module
from scripts.measure_transfer import (
    Point,
    across_sets,
    fooled_of,
    measure_transfer,
    partial_spearman,
    spearman,
    within_classes,
)


def test_the_correlation_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=40).round(1), generator.normal(size=40).round(1)
    assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert np.isnan(spearman(first, np.ones(40)))


def test_at_an_equal_third_value_nothing_is_left_of_what_it_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_transfer_module, "DRAWS", 100)
    generator = np.random.default_rng(4)
    cause, noise, other = (generator.normal(size=2000) for _ in range(3))
    first, second = cause + noise, cause + other
    assert spearman(first, second) > 0.4
    assert abs(partial_spearman(first, second, cause)) < 0.1
    ranks = np.stack([rankdata(values) for values in (first, second, cause)])
    inverse = np.linalg.inv(np.corrcoef(ranks))
    expected = -inverse[0, 1] / np.sqrt(inverse[0, 0] * inverse[1, 1])
    assert partial_spearman(first, second, cause) == pytest.approx(expected)
    assert np.isnan(partial_spearman(first, second, first))
    label = np.repeat(np.arange(20), 100)
    value, low, high = within_classes(first, second, label, generator, given=cause)
    assert low < 0 < high
    assert abs(value) < 0.1


def test_what_differs_between_classes_only_is_no_correlation_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_transfer_module, "DRAWS", 200)
    generator = np.random.default_rng(2)
    label = np.repeat(np.arange(10), 20)
    first, second = (label + generator.normal(size=200) for _ in range(2))
    assert spearman(first, second) > 0.8
    value, low, high = within_classes(first, second, label, generator)
    assert low < value < high
    assert abs(value) < 0.3
    assert within_classes(first, first, label, generator)[0] > 0.99


def test_sets_that_rise_together_correlate() -> None:
    generator = np.random.default_rng(3)

    def point(level: float) -> Point:
        values = level + 0.1 * generator.normal(size=50)
        return Point(attack="a", m=1, n=1, recognized=values, fooled=np.where(values > level, values, np.nan))

    value, low, high = across_sets([point(level) for level in range(8)], generator)
    assert low <= value <= high
    assert value > 0.95


def test_only_judges_that_were_right_can_be_fooled() -> None:
    clean = torch.tensor([[True, True, False], [True, False, False]])
    attacked = torch.tensor([[False, False, False], [True, False, True]])
    assert fooled_of(clean, attacked).nan_to_num(nan=-1).tolist() == [0.5, 1.0, -1.0]


@pytest.mark.soak
def test_it_runs_on_a_zoo(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_transfer_module, "DRAWS", 20)
    measure_transfer(zoo.path, tmp_path, per_class=2, copies=2)
    assert "from set to set: all sets" in capsys.readouterr().out
    found = json.loads((tmp_path / "transfer.json").read_text())
    assert {one["attack"] for one in found["sets"]} == found["within"].keys()
    measure_transfer(zoo.path, tmp_path, per_class=2, copies=2, epsilon=0.05)
    weaker = json.loads((tmp_path / "transfer-0.05.json").read_text())
    assert [one["recognized"] for one in weaker["sets"]] == [one["recognized"] for one in found["sets"]]
    assert [one["fooled"] for one in weaker["sets"]] != [one["fooled"] for one in found["sets"]]
    with pytest.raises(InputError, match=r"epsilon is 0\.0; it must be above 0"):
        measure_transfer(zoo.path, tmp_path, epsilon=0.0)
    with pytest.raises(InputError, match="neither a folder nor a file"):
        measure_transfer(tmp_path / "nothing", tmp_path)
