"""Recipes compared with the thesis, tiny."""

import json
from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.grouped_sums import GroupedSums
from scripts.measure_recipe import THESIS, DescentCW, distance, judged, measure_recipe


@pytest.mark.usefixtures("few_digits_here")
def test_settings_are_measured_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"source": "digits", "models": 3, "width": 1, "cw_steps": 2, "bim_steps": 2, "copies": 2, "per_class": 1}
    for message, words in {"no setting x": {"settings": "x"}, "models is 2": {"models": 2}}.items():
        with pytest.raises(InputError, match=message):
            measure_recipe(tmp_path, **{**options, **words})  # type: ignore[arg-type]
    measure_recipe(tmp_path, settings="base", **options)  # type: ignore[arg-type]
    first = json.loads((tmp_path / "recipe.json").read_text())
    measure_recipe(tmp_path, settings="base,normalised pixels", **options)  # type: ignore[arg-type]
    found = json.loads((tmp_path / "recipe.json").read_text())
    assert found["base"] == first["base"]
    assert set(found) == {"base", "normalised pixels"}
    changes = found["normalised pixels"]["less the base"]
    assert set(changes) <= set(found["base"])
    for which, (mean, low, high) in changes.items():
        assert mean == pytest.approx(found["normalised pixels"][which][0] - found["base"][which][0], abs=0.11)
        assert low <= mean <= high
    assert {"SM CW 0.001", "SM CW 0.1", "SM CW descent 0.01"} <= set(found["base"])
    assert "normalised pixels" in capsys.readouterr().out


def test_a_network_judges_what_it_had_no_part_in() -> None:
    """The judge that says what is in the picture recognizes the others' perturbations, never its own."""

    class Found:
        image = torch.zeros(2, 1, 1, 2)
        label = torch.tensor([0, 1])

        def grouped(self) -> GroupedSums:
            own = torch.tensor([[[[-1.0, 1.0]]], [[[1.0, -1.0]]]])  # −δ is the label's pixel
            return GroupedSums(
                total=torch.stack([own, -9 * own, own]), models=((1,), (0,), (2,)), square_norms=torch.ones(3, 2),
                squares=own, copies=1,
            )  # fmt: skip

    class Spec:
        def load(self) -> torch.nn.Module:
            return torch.nn.Flatten()

    found = judged((Spec(), Spec(), Spec()), Found())  # type: ignore[arg-type]
    assert found["single recognized"].mean(1).tolist() == [1.0, 0.5, 0.5]  # model 0 is in the second group
    assert found["mean recognized"].mean(1).tolist() == [1.0, 0.0, 0.0]
    assert found["single attack"].mean(1).tolist() == [0.0, 0.5, 0.5]


def test_the_distance_is_0_at_the_thesis_and_in_points() -> None:
    row = {which: (there, 0, 0) for which, there in THESIS.items()}
    assert distance(row) == 0
    assert distance({**row, "SM BIM": (23, 0, 0)}) == 10


def test_plain_descent_on_a_linear_model_moves_along_its_gradient_and_stops_behind_the_border() -> None:
    weight = torch.tensor([[0.5, 0.0, 1.0, 0.0], [0.0, 0.5, 0.0, -1.0]])

    def model(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ weight.T

    image, label = torch.tensor([[[[0.6, 0.2, 0.3, 0.3]]]]), torch.tensor([0])
    away = weight[1] - weight[0]
    margin = float(model(image)[0] @ torch.tensor([1.0, -1.0]))
    once = DescentCW(steps=1, lr=0.01)(model, image, label)
    torch.testing.assert_close(once.flatten(), 0.01 * away)
    found = DescentCW(steps=100, lr=0.01)(model, image, label).flatten()
    assert torch.cosine_similarity(found, away, dim=0) == pytest.approx(1)
    assert 1 < float(found @ away) / margin < 1.1
