"""What the figures say, against the sets themselves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import wilson
from lit_adv.evaluation.masks import ink_mask
from lit_adv.evaluation.result import Evaluation
from lit_adv.reproduce import curves, galleries, growth, tables
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.set_name import SetName, set_names


def test_contour_and_background(inputs: FigureInputs) -> None:
    made = curves.contour_and_background(inputs, set_names("nmm-bim"))
    one, [judge] = inputs.perturbations(SetName.parse("nmm-bim")), inputs.judges.models.values()
    ink = one.image > 0
    for row in made.numbers["accuracy"]:
        where = {"nothing": torch.zeros_like(ink), "contour": ink, "background": ~ink}[row["part"]]
        seen = one.image + 0.2 * one.perturbation.sign() * where
        assert row["mean"] == pytest.approx(float((judge(seen).argmax(1) == one.label).double().mean()))
        assert (row["mean low"], row["mean high"]) == pytest.approx(wilson(row["mean"], 20), abs=1e-5)
    ratio = int(ink.sum()) / int((~ink).sum())
    assert f"ratio is {ratio:.2f} here, over 20 images" in made.note


def test_slopes_belong_to_the_areas(inputs: FigureInputs) -> None:
    """Two judges, one of which is right on fewer images the more of them is perturbed."""

    [name] = names = set_names("mm-deepfool")

    def judge(images: torch.Tensor) -> torch.Tensor:
        made = inputs.perturbations(name)
        changed = (images[:, None] - made.image[None]).abs().flatten(2)
        which = changed.sum(2).argmin(1)
        share = (changed[torch.arange(len(images)), which] > 0).double().mean(1)
        right = share <= (which + 0.5) / len(made.label)
        return torch.nn.functional.one_hot((made.label[which] + ~right) % 10, 10).double()

    always = inputs.judges.models["model-000"]
    inputs = replace(inputs, judges=replace(inputs.judges))
    inputs.judges.__dict__["models"] = {"one": judge, "two": always}
    area = [r for r in curves.by_area_curves(inputs, names).numbers["curves"] if r["part"] == "contour"]
    made = curves.derivative_curves(inputs, names)
    slope = made.numbers["curves"]
    x, y = (np.array([row[key] for row in area]) for key in ("share perturbed", "one"))
    assert (x[0], x[-1], y[0], y[-1]) == (0, 1, 1, 0)
    assert [row["share perturbed"] for row in slope] == pytest.approx(((x[1:] + x[:-1]) / 2).tolist(), abs=1e-4)
    assert [row["one"] for row in slope] == pytest.approx((-np.diff(y) / np.diff(x)).tolist(), rel=1e-2)
    assert all(row["mean"] == pytest.approx((row["one"] + row["two"]) / 2, abs=1e-4) for row in slope)
    assert "mean low" not in slope[0], "a slope is no share"
    assert "Mean of 2 test models" in made.note
    ink = 100 * float((inputs.perturbations(name).image > 0).float().mean())
    assert f"border, at {ink:.0f} % of the image." in made.note
    assert made.plots["curves"].axes[0].collections, "no band shows the spread"


def test_strong_pixels_inside_and_outside(inputs: FigureInputs) -> None:
    rows = galleries.complementarity(inputs, set_names("mm-cw", "nmm-cw")).numbers["complementarity"]
    one = inputs.perturbations(SetName.parse("nmm-cw"))
    mask = ink_mask(one.image)
    for row in rows:
        if row["set"] == "NMM CW":
            delta = one.perturbation[row["image"], 0].abs()
            strong, inside = delta >= delta.mean(), mask[row["image"]] == 1
            assert row["strong in the object"] == pytest.approx(float(strong[inside].double().mean()), abs=1e-3)
            assert row["strong in the background"] == pytest.approx(float(strong[~inside].double().mean()), abs=1e-3)
    surplus = [r["strong in the background"] - r["strong in the object"] for r in rows if r["set"] == "NMM CW"]
    assert surplus == sorted(surplus, reverse=True)


def test_square_examples_are_the_surest_and_the_least_sure(inputs: FigureInputs) -> None:
    one, [judge] = inputs.perturbations(SetName.parse("nmm-square")), inputs.judges.models.values()
    chance = judge((one.perturbation < 0).float()).softmax(1)[torch.arange(20), one.label]
    most = galleries.square_examples(inputs, set_names("nmm-square"), clear=True).numbers["probability"]
    least = galleries.square_examples(inputs, set_names("nmm-square"), clear=False).numbers["probability"]
    assert [row["image"] for row in most] == chance.argsort(descending=True)[:10].tolist()
    assert [row["image"] for row in least] == chance.argsort()[:10].tolist()


def test_targets_are_counted(inputs: FigureInputs) -> None:
    made = galleries.targeted(inputs, set_names("nmm-bim-targeted"))
    one, [judge] = inputs.perturbations(SetName.parse("nmm-bim-targeted")), inputs.judges.models.values()
    answers = judge((one.perturbation > 0).float()).argmax(1)
    [row] = made.numbers["recognized"]
    assert row["given the target"] == pytest.approx(float((answers == one.target).double().mean()))
    assert row["images"] == len(one.label)
    low, high = wilson(row["given the target"], len(one.label))
    assert (row["given the target low"], row["given the target high"]) == pytest.approx((low, high), abs=1e-5)
    assert "0 → 1, 1 → 2" in made.note


def test_recognized_by_class_adds_up(inputs: FigureInputs) -> None:
    made = tables.noise(inputs, set_names("nmm-bim"))
    evaluation = inputs.evaluation(SetName.parse("nmm-bim"))
    judge = evaluation.judges["model-000"]
    rows = made.numbers["recognized"]
    shares = [row["NMM BIM, model-000"] * row["images"] for row in rows]
    assert sum(shares) == pytest.approx(20 * judge.recognized, abs=1e-4)
    answers = inputs.answers(SetName.parse("nmm-bim"))["model-000"]
    assert judge.commonest == pytest.approx(float(answers.bincount().max()) / 20)
    assert sum(row["share"] for row in made.numbers["noise"]) == pytest.approx(1)


def test_growth_ends_at_the_set_itself(inputs: FigureInputs) -> None:
    made = growth.curves(inputs, set_names("nmm-bim", "nmm-cw"))
    rows = [row for row in made.numbers["growth"] if row["attack"] == "CW"]
    assert [(row["m"], row["n"], row["groups"]) for row in rows] == [
        (m, n, groups) for m, groups in ((1, 5), (2, 3), (5, 1), (6, 1)) for n in (1, 2)
    ]
    judge = inputs.evaluation(SetName.parse("nmm-cw")).judges["model-000"]
    assert (rows[-1]["recognized"], rows[-1]["accuracy"]) == pytest.approx((judge.recognized, judge.attack))
    one = inputs.perturbations(SetName.parse("nmm-cw"))
    assert one.kept is not None
    [test_model] = inputs.judges.models.values()
    for row, n in zip(rows, (1, 2), strict=False):
        seen = torch.stack([test_model((delta < 0).float()).argmax(1) for delta in one.kept.averages(1, n)])
        assert row["recognized"] == pytest.approx(float((seen == one.label).double().mean()))
    judged = inputs.evaluation(SetName.parse("nmm-cw")).judges["model-000"].auc
    assert judged is not None
    assert rows[-1]["auc"] == pytest.approx(judged.value, abs=1e-4)
    for row in rows:
        for measure in ("recognized", "accuracy", "auc"):
            assert row[f"{measure} low"] <= row[measure] <= row[f"{measure} high"]
            assert row[f"{measure} to all"] == pytest.approx(rows[-1][measure] - row[measure], abs=2e-5)
            assert row[f"{measure} to all low"] <= row[f"{measure} to all"] <= row[f"{measure} to all high"]


def test_growth_says_how_reliable_each_size_is(inputs: FigureInputs) -> None:
    """Against cosines of the averages that are there: three of two models, two copies each."""
    made = growth.curves(inputs, set_names("nmm-cw"))
    assert set(made.plots) == {"models", "copies", "both", "rho"}
    rows = {(row["m"], row["n"]): row["rho"] for row in made.numbers["growth"]}
    assert rows[1, 1] < rows[1, 2] < rows[6, 2]
    one = inputs.perturbations(SetName.parse("nmm-cw"))
    assert one.kept is not None
    first, second, third = (average.flatten(1) for average in one.kept.averages(2, 2))
    cosines = [torch.cosine_similarity(a, b).mean() for a, b in ((first, second), (first, third), (second, third))]
    assert rows[2, 2] == pytest.approx(float(torch.stack(cosines).mean()), abs=0.01)


def test_growth_without_groups_has_no_rho(inputs: FigureInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_adv.evaluation.growth_points.scalars_of", lambda _: None)
    made = growth.curves(inputs, set_names("nmm-cw"))
    assert set(made.plots) == {"models", "copies", "both"}
    assert {row["rho"] for row in made.numbers["growth"]} == {None}


def test_growth_needs_sets_that_keep_it(inputs: FigureInputs) -> None:
    with pytest.raises(InputError, match="without --growth"):
        growth.curves(inputs, set_names("mm-bim"))


def test_an_evaluation_is_made_once(inputs: FigureInputs) -> None:
    first = inputs.evaluation(SetName.parse("sm-bim"))
    path = inputs.sets.folder(SetName.parse("sm-bim")) / "evaluation.json"
    before = path.stat().st_mtime_ns
    assert inputs.evaluation(SetName.parse("sm-bim")) == first == Evaluation.load(path)
    assert path.stat().st_mtime_ns == before


def test_what_the_judges_see(inputs: FigureInputs) -> None:
    one, [judge] = inputs.perturbations(SetName.parse("nmm-bim")), inputs.judges.models.values()
    rows = galleries.adversarial_examples(inputs, set_names("nmm-bim")).numbers["answers"]
    index = torch.arange(0, 20, 2)
    clean = judge(one.image[index]).argmax(1).tolist()
    attacked = judge(one.image[index] + 0.2 * one.perturbation[index].sign()).argmax(1).tolist()
    assert [row["model-000 sees"] for row in rows] == [f"{a} → {b}" for a, b in zip(clean, attacked, strict=True)]


def test_one_class_against_the_others(inputs: FigureInputs) -> None:
    made = galleries.vanishing_cat(inputs, set_names("nmm-bim", "nmm-cw"))
    names = set_names("nmm-bim", "nmm-cw")
    right = {name: inputs.answers(name)["model-000"] == inputs.perturbations(name).label for name in names}
    shares = [float(right[names[0]][2 * c : 2 * c + 2].double().mean()) for c in range(10)]
    best = int(np.argmax(shares))
    assert f"class shown is {best}," in made.note
    for row, name in zip(made.numbers["recognized"], right, strict=True):
        other = torch.cat([right[name][: 2 * best], right[name][2 * best + 2 :]]).double().mean()
        assert row["others recognized"] == pytest.approx(float(other), abs=1e-4)
        assert row["others recognized high"] == pytest.approx(wilson(float(other), 18)[1], abs=1e-4)
        assert row[f"{best} recognized low"] == pytest.approx(wilson(row[f"{best} recognized"], 2)[0], abs=1e-4)


def test_accuracy_against_epsilon(inputs: FigureInputs) -> None:
    one, [judge] = inputs.perturbations(SetName.parse("mm-bim")), inputs.judges.models.values()
    rows = curves.by_epsilon_curves(inputs, set_names("mm-bim")).numbers["curves"]
    assert [row["epsilon"] for row in rows[:10]] == pytest.approx([0.1 * step for step in range(1, 11)])
    for row in rows[:10]:
        seen = one.image + row["epsilon"] * one.perturbation.sign() * (one.image > 0)
        assert row["mean"] == pytest.approx(float((judge(seen).argmax(1) == one.label).double().mean()))
