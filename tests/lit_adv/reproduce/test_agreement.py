"""Maps, similarity without noise and the matrix of models, against the sets themselves."""

import json

import pytest
import torch

from lit_adv.evaluation.corrected_similarity import Similarities
from lit_adv.perturbations.reliability import Reliability
from lit_adv.reproduce import agreement, tables
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.make import lacking
from lit_adv.reproduce.set_name import SetName, set_names


def test_maps_say_the_reliability(inputs: FigureInputs) -> None:
    made = agreement.shares(inputs, set_names("nmm-bim", "nmm-cw"))
    assert set(made.pictures) == {"BIM", "CW"}
    one = inputs.perturbations(SetName.parse("nmm-bim"))
    found = Reliability.of(one)
    assert found is not None
    row = made.numbers["reliability"][0]
    assert (row["set"], row["rho"], row["low"]) == ("NMM BIM", found.rho, found.low)
    assert row["models for 0.95"] == found.needed[1].models


def test_noise_that_sets_share_is_no_similarity(inputs: FigureInputs) -> None:
    """The sets of this test are noise of their own, and the same noise about it."""
    made = tables.similarities(inputs, set_names("sm-bim", "sm-cw", "nmm-bim", "nmm-cw"))
    assert set(made.plots) == {"matrices", "without-noise"}
    [row] = made.numbers["without-noise"]
    assert (row["setting"], row["first"], row["second"]) == ("NMM", "BIM", "CW")
    thesis = next(r for r in made.numbers["similarity"] if (r["setting"], r["attack"]) == ("NMM", "BIM"))
    assert thesis["CW"] > row["similarity"] + 0.03
    assert row["low"] < 0 < row["high"]


def test_sets_without_groups_are_as_before(inputs: FigureInputs) -> None:
    made = tables.similarities(inputs, set_names("sm-bim", "sm-cw"))
    assert set(made.plots) == {"matrices"}
    assert set(made.numbers) == {"similarity"}


def test_groups_of_models_are_compared(inputs: FigureInputs) -> None:
    made = agreement.models(inputs, set_names("nmm-bim"))
    assert len(made.numbers["similarity"]) == 3
    assert all(row["low"] <= row["similarity"] <= row["high"] for row in made.numbers["similarity"])
    assert "groups' averages" in made.note


def test_sets_without_groups_lack_them(inputs: FigureInputs) -> None:
    entry = next(entry for entry in CATALOGUE if entry.name == "models")
    path = inputs.sets.folder(entry.sets[0]) / "manifest.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "groups": 1}))
    try:
        assert "keeps no groups" in lacking(entry, inputs)
    finally:
        path.write_text(before)
    assert not lacking(entry, inputs)


def test_similar_models_stand_together() -> None:
    family = torch.tensor([0, 1, 0, 1, 0])
    values = torch.where(family[:, None] == family, 0.9, 0.1).double().fill_diagonal_(1)
    order = agreement.by_similarity(values)
    assert sorted(order) == list(range(5))
    assert (family[order].diff() != 0).sum() == 1
    assert agreement.by_similarity(torch.full((3, 3), torch.nan).double()) == [0, 1, 2]


def test_what_is_unknown_is_empty() -> None:
    nothing = torch.full((2, 2), torch.nan)
    [row] = agreement.pair_rows(Similarities(value=nothing, low=nothing, high=nothing, images=0), ["a", "b"])
    assert (row["similarity"], row["low"], row["high"]) == (None, None, None)


@pytest.mark.parametrize("models", [4, 20])
def test_matrices_of_few_and_many(models: int) -> None:
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    agreement._heat_map(axes, torch.eye(models), list(map(str, range(models))))
    assert len(axes.texts) == (models**2 if models <= agreement.WITH_NUMBERS else 0)
