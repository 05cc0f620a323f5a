"""What a robust network is worth, tiny; how it is read off a curve."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts.measure_robust import Curve, crossing, measure_robust, worth
from tests.helpers import TINY_RECIPE
from tests.trainers.test_zoo_runner import few_digits
from trainers.mnist_zoo import mnist_models
from trainers.zoo_runner import train_zoo


@pytest.mark.usefixtures("few_digits_here")
def test_kinds_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_zoo(TINY_RECIPE, mnist_models(5, width=1), few_digits, tmp_path / "ordinary", processes=1)
    options = {"models": 3, "steps": 1, "epochs": 1, "width": 1, "per_class": 1}
    for message, words in {"no kind x": {"kinds": "x"}, "models is 2": {"models": 2}}.items():
        with pytest.raises(InputError, match=message):
            measure_robust(tmp_path / "ordinary", tmp_path / "out", **{**options, **words})  # type: ignore[arg-type]
    measure_robust(tmp_path / "ordinary", tmp_path / "out", kinds="PGD 0.1", **options)  # type: ignore[arg-type]
    rows = json.loads((tmp_path / "out" / "robust.json").read_text())["rows"]
    assert [(row["kind"], row["noise"]) for row in rows] == [
        (kind, noise) for noise in ("none", "0.2") for kind in ("ordinary", "PGD 0.1")
    ]
    assert rows[0]["k by recognition"][0] in ("1.0", "above 2")
    [recipe] = {json.dumps(spec.training["recipe"]) for spec in Zoo.open(tmp_path / "out" / "zoos" / "PGD-0.1").models}
    assert json.loads(recipe)["adversarial"] == 0.1
    assert (tmp_path / "out" / "robust.png").read_bytes().startswith(b"\x89PNG")
    assert "PGD 0.1" in capsys.readouterr().out


def test_numbers_are_read_off_the_curve() -> None:
    sizes, values = (1, 4, 16), np.array([0.2, 0.4, 0.6])
    assert [crossing(value, sizes, values) for value in (0.1, 0.2, 0.7)] == [0.0, 1.0, np.inf]
    assert crossing(0.3, sizes, values) == pytest.approx(2)
    assert crossing(0.6, sizes, values) == pytest.approx(16)


def test_a_kind_that_is_like_four_ordinary_ones_is_worth_four() -> None:
    torch.manual_seed(0)
    images = 0.1 * torch.rand(40, dtype=torch.float64)
    levels = torch.tensor([0.2, 0.4, 0.6], dtype=torch.float64)
    cosine = levels[:, None] + images
    right = cosine[:, None].expand(3, 6, 40)
    curve = Curve(sizes=(1, 4, 16), right=right, cosine=cosine)
    for by in ("right", "cosine"):
        assert worth(curve, (right[1], cosine[1]), by) == ["4.0"] * 3
    better = replace(curve, right=right - 1)
    assert worth(better, (right[1], cosine[1]), "right") == ["above 16"] * 3
