"""Ways of showing, judged: the thesis's as ever, the others after their steps."""

from dataclasses import replace

import pytest
import torch

from lit_adv.evaluation.auc import mean_auc
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.showing import altered, titled, ways
from lit_adv.reproduce import showing
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.judges import Judges
from lit_adv.reproduce.make import rho_in_words
from lit_adv.reproduce.set_name import SetName, set_names

NAME = SetName.parse("nmm-gradient")


def test_each_way_is_judged_after_its_steps(inputs: FigureInputs) -> None:
    made = showing.of_ways(inputs, [NAME])
    one, [judge] = inputs.perturbations(NAME), inputs.judges.models.values()
    known = ways(one)
    assert set(known) == {"thesis", "percentiles", "agreement", "luminance", "blur", "best"}
    rows = made.numbers["recognized"]
    assert [row["way"] for row in rows] == [titled(name, way) for name, way in known.items()]
    for row, way in zip(rows, known.values(), strict=True):
        logits = judge((altered(one, torch.arange(20), way) < 0).float())
        assert row["recognized"] == pytest.approx(float((logits.argmax(1) == one.label).double().mean()), abs=1e-4)
        assert row["auc"] == pytest.approx(mean_auc(logits, torch.arange(10), one.label), abs=1e-4)
        assert row["more than thesis"] == pytest.approx(row["recognized"] - rows[0]["recognized"], abs=2e-4)
        for what in ("recognized", "auc", "more than thesis"):
            assert row[f"{what} low"] <= row[what] <= row[f"{what} high"]
    assert rows[0]["recognized"] == pytest.approx(inputs.evaluation(NAME).judges["model-000"].recognized, abs=1e-4)
    assert [len(table.rows) for table in made.tables] == [6, 6]
    assert "1 where above 0" in made.note


def test_several_judges_have_a_mean(inputs: FigureInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    [judge] = inputs.judges.models.values()
    two = replace(inputs, judges=replace(inputs.judges))
    two.judges.__dict__["models"] = {"one": judge, "two": lambda images: judge(images).roll(1, 1)}
    monkeypatch.setattr(Judges, "is_white_box", lambda *_: False)
    rows = showing.of_ways(two, [NAME]).numbers["recognized"]
    one, other, mean = rows[:3]
    assert mean["judge"] == "mean of 2"
    assert mean["recognized"] == pytest.approx((one["recognized"] + other["recognized"]) / 2, abs=1e-4)


def test_rho_is_said_where_it_is_known(inputs: FigureInputs) -> None:
    words = rho_in_words(inputs.perturbations(NAME))
    assert words.startswith("NMM Gradient 0.")
    assert "[" in words
    without: PerturbationSet = inputs.perturbations(*set_names("sm-bim"))
    assert rho_in_words(without) == ""
