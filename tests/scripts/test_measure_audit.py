"""The audit's measurement: its area is the textbook's, and it runs on a tiny zoo."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc

from datamodules.mnist import load_mnist
from lit_adv.embedded_digits import split_digits
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts.measure_audit import area, measure_audit, swapped, triggered, write_digits


def test_the_area_is_that_of_torchmetrics() -> None:
    generator = np.random.default_rng(1)
    high, low = generator.normal(0.7, 1, 30).round(1), generator.normal(0, 1, 50).round(1)
    value, low_end, high_end = area(high, low)
    truth = torch.tensor([1] * len(high) + [0] * len(low))
    scores = torch.from_numpy(np.concatenate([high, low])).sigmoid()
    assert value == pytest.approx(float(binary_auroc(scores, truth)))
    assert low_end < value < high_end
    assert area(np.array([2.0, 3.0]), np.array([0.0, 1.0, 1.5])) == (1.0, 0.5, 1.0)
    assert area(np.array([0.0, 1.0]), np.array([2.0, 3.0, 4.0])) == (0.0, 0.0, 0.5)


def test_intervals_of_areas_hold_the_truth() -> None:
    generator = np.random.default_rng(2)
    truth = 0.5 * (1 + float(torch.erf(torch.tensor(0.5))))  # Φ(1/√2)
    held = [
        a <= truth <= b
        for _ in range(300)
        for _, a, b in [area(generator.normal(1, 1, 12), generator.normal(0, 1, 30))]
    ]
    assert np.mean(held) > 0.88


@pytest.mark.parametrize("change", [triggered, swapped])
def test_digits_are_written_as_they_are(change, tmp_path: Path) -> None:
    write_digits(tmp_path, change)
    data = load_mnist("folder", tmp_path)
    images, labels = change(*split_digits(train=True))
    torch.testing.assert_close(data.train_images, images, atol=1e-6, rtol=0)
    assert torch.equal(data.train_labels, labels)
    assert not torch.equal(labels, split_digits(train=True)[1])
    assert torch.equal(data.test_labels, split_digits(train=False)[1])


@pytest.mark.soak
def test_it_runs_on_a_zoo(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="odd is 3; beside 3 source models"):
        measure_audit(zoo.path, tmp_path, odd=3)
    measure_audit(zoo.path, tmp_path, odd=4, copies=1, per_class=1, epochs=1, width=1)
    assert "lowest class" in capsys.readouterr().out
    found = json.loads((tmp_path / "audit.json").read_text())
    assert [(row["kind"], row["odd"], row["ordinary"]) for row in found["rows"]] == [
        (kind, 4, 3) for kind in ("trigger", "trigger", "swapped", "swapped")
    ]
    assert [one["kind"] for one in found["influence"]] == ["ordinary"] * 3 + ["trigger"] * 4 + ["swapped"] * 4
