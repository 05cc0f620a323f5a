"""What the figures say, against the sets themselves."""

import numpy as np
import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import wilson
from lit_adv.evaluation.masks import stroke
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.growth import Growth
from lit_adv.reproduce import curves, galleries, growth, tables
from lit_adv.reproduce.material import Material


def test_contour_and_background(material: Material) -> None:
    made = curves.contour_and_background(material, ["nmm-bim"])
    one, [judge] = material.set("nmm-bim"), material.judges.values()
    ink = one.image > 0
    for row in made.numbers["accuracy"]:
        where = {"nothing": torch.zeros_like(ink), "contour": ink, "background": ~ink}[row["part"]]
        seen = one.image + 0.2 * one.perturbation.sign() * where
        assert row["mean"] == pytest.approx(float((judge(seen).argmax(1) == one.label).double().mean()))
        assert (row["mean low"], row["mean high"]) == pytest.approx(wilson(row["mean"], 20), abs=1e-5)
    ratio = int(ink.sum()) / int((~ink).sum())
    assert f"ratio is {ratio:.2f} here, over 20 images" in made.note


def test_slopes_belong_to_the_areas(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two judges, one of which is right on fewer images the more of them is perturbed."""

    def judge(images: torch.Tensor) -> torch.Tensor:
        name = "mm-deepfool"
        made = material.set(name)
        changed = (images[:, None] - made.image[None]).abs().flatten(2)
        which = changed.sum(2).argmin(1)
        share = (changed[torch.arange(len(images)), which] > 0).double().mean(1)
        right = share <= (which + 0.5) / len(made.label)
        return torch.nn.functional.one_hot((made.label[which] + ~right) % 10, 10).double()

    always = material.judges["model-000"]
    monkeypatch.setitem(material.__dict__, "judges", {"one": judge, "two": always})
    area = [r for r in curves.by_area_curves(material, ["mm-deepfool"]).numbers["curves"] if r["part"] == "contour"]
    made = curves.derivative_curves(material, ["mm-deepfool"])
    slope = made.numbers["curves"]
    x, y = (np.array([row[key] for row in area]) for key in ("share perturbed", "one"))
    assert (x[0], x[-1], y[0], y[-1]) == (0, 1, 1, 0)
    assert [row["share perturbed"] for row in slope] == pytest.approx(((x[1:] + x[:-1]) / 2).tolist(), abs=1e-4)
    assert [row["one"] for row in slope] == pytest.approx((-np.diff(y) / np.diff(x)).tolist(), rel=1e-2)
    assert all(row["mean"] == pytest.approx((row["one"] + row["two"]) / 2, abs=1e-4) for row in slope)
    assert "mean low" not in slope[0], "a slope is no share"
    assert "Mean of 2 test models" in made.note
    ink = 100 * float((material.set("mm-deepfool").image > 0).float().mean())
    assert f"border, at {ink:.0f} % of the image." in made.note
    assert made.plots["curves"].axes[0].collections, "no band shows the spread"


def test_strong_pixels_inside_and_outside(material: Material) -> None:
    rows = galleries.complementarity(material, ["mm-cw", "nmm-cw"]).numbers["complementarity"]
    one = material.set("nmm-cw")
    mask = stroke(one.image)
    for row in rows:
        if row["set"] == "NMM CW":
            delta = one.perturbation[row["image"], 0].abs()
            strong, inside = delta >= delta.mean(), mask[row["image"]] == 1
            assert row["strong in the object"] == pytest.approx(float(strong[inside].double().mean()), abs=1e-3)
            assert row["strong in the background"] == pytest.approx(float(strong[~inside].double().mean()), abs=1e-3)
    surplus = [r["strong in the background"] - r["strong in the object"] for r in rows if r["set"] == "NMM CW"]
    assert surplus == sorted(surplus, reverse=True)


def test_square_examples_are_the_surest_and_the_least_sure(material: Material) -> None:
    one, [judge] = material.set("nmm-square"), material.judges.values()
    chance = judge((one.perturbation < 0).float()).softmax(1)[torch.arange(20), one.label]
    most = galleries.square_examples(material, ["nmm-square"], clear=True).numbers["probability"]
    least = galleries.square_examples(material, ["nmm-square"], clear=False).numbers["probability"]
    assert [row["image"] for row in most] == chance.argsort(descending=True)[:10].tolist()
    assert [row["image"] for row in least] == chance.argsort()[:10].tolist()


def test_targets_are_counted(material: Material) -> None:
    made = galleries.targeted(material, ["nmm-bim-targeted"])
    one, [judge] = material.set("nmm-bim-targeted"), material.judges.values()
    answers = judge((one.perturbation > 0).float()).argmax(1)
    [row] = made.numbers["recognized"]
    assert row["given the target"] == pytest.approx(float((answers == one.target).double().mean()))
    assert row["images"] == len(one.label)
    low, high = wilson(row["given the target"], len(one.label))
    assert (row["given the target low"], row["given the target high"]) == pytest.approx((low, high), abs=1e-5)
    assert "0 → 1, 1 → 2" in made.note


def test_recognized_by_class_adds_up(material: Material) -> None:
    made = tables.noise(material, ["nmm-bim"])
    evaluation = material.evaluation("nmm-bim")
    [judge] = evaluation.judges.values()
    rows = made.numbers["recognized"]
    shares = [row["NMM BIM, model-000"] * row["images"] for row in rows]
    assert sum(shares) == pytest.approx(20 * judge.recognized, abs=1e-4)
    answers = material.answers("nmm-bim")["model-000"]
    assert judge.commonest == pytest.approx(float(answers.bincount().max()) / 20)
    assert sum(row["share"] for row in made.numbers["noise"]) == pytest.approx(1)


def test_growth_ends_at_the_set_itself(material: Material) -> None:
    made = growth.curves(material, ["nmm-bim", "nmm-cw"])
    rows = [row for row in made.numbers["growth"] if row["attack"] == "CW"]
    assert [(row["m"], row["n"], row["groups"]) for row in rows] == [
        (m, n, groups) for m, groups in ((1, 5), (2, 3), (5, 1), (6, 1)) for n in (1, 2)
    ]
    [judge] = material.evaluation("nmm-cw").judges.values()
    assert (rows[-1]["recognized"], rows[-1]["accuracy"]) == pytest.approx((judge.recognized, judge.attack))
    one, kept = (
        material.set("nmm-cw"),
        Growth.load(material.folder("nmm-cw"), material.set("nmm-cw").manifest.growth),
    )
    [test_model] = material.judges.values()
    for row, n in zip(rows, (1, 2), strict=False):
        seen = torch.stack([test_model((delta < 0).float()).argmax(1) for delta in kept.averages(1, n)])
        assert row["recognized"] == pytest.approx(float((seen == one.label).double().mean()))
    for row in rows:
        for measure in ("recognized", "accuracy"):
            assert row[f"{measure} low"] <= row[measure] <= row[f"{measure} high"]
            assert row[f"{measure} to all"] == pytest.approx(rows[-1][measure] - row[measure], abs=2e-5)
            assert row[f"{measure} to all low"] <= row[f"{measure} to all"] <= row[f"{measure} to all high"]


def test_growth_needs_sets_that_keep_it(material: Material) -> None:
    with pytest.raises(InputError, match="without --growth"):
        growth.curves(material, ["mm-bim"])


def test_an_evaluation_is_made_once(material: Material) -> None:
    first = material.evaluation("sm-bim")
    path = material.folder("sm-bim") / "evaluation.json"
    before = path.stat().st_mtime_ns
    assert material.evaluation("sm-bim") == first == Evaluation.load(path)
    assert path.stat().st_mtime_ns == before


def test_what_the_judges_see(material: Material) -> None:
    one, [judge] = material.set("nmm-bim"), material.judges.values()
    rows = galleries.adversarial_examples(material, ["nmm-bim"]).numbers["answers"]
    index = torch.arange(0, 20, 2)
    clean = judge(one.image[index]).argmax(1).tolist()
    attacked = judge(one.image[index] + 0.2 * one.perturbation[index].sign()).argmax(1).tolist()
    assert [row["model-000 sees"] for row in rows] == [f"{a} → {b}" for a, b in zip(clean, attacked, strict=True)]


def test_one_class_against_the_others(material: Material) -> None:
    made = galleries.vanishing_cat(material, ["nmm-bim", "nmm-cw"])
    right = {name: material.answers(name)["model-000"] == material.set(name).label for name in ("nmm-bim", "nmm-cw")}
    shares = [float(right["nmm-bim"][2 * c : 2 * c + 2].double().mean()) for c in range(10)]
    best = int(np.argmax(shares))
    assert f"class shown is {best}," in made.note
    for row, name in zip(made.numbers["recognized"], right, strict=True):
        other = torch.cat([right[name][: 2 * best], right[name][2 * best + 2 :]]).double().mean()
        assert row["others recognized"] == pytest.approx(float(other), abs=1e-4)
        assert row["others recognized high"] == pytest.approx(wilson(float(other), 18)[1], abs=1e-4)
        assert row[f"{best} recognized low"] == pytest.approx(wilson(row[f"{best} recognized"], 2)[0], abs=1e-4)


def test_accuracy_against_epsilon(material: Material) -> None:
    one, [judge] = material.set("mm-bim"), material.judges.values()
    rows = curves.by_epsilon_curves(material, ["mm-bim"]).numbers["curves"]
    assert [row["epsilon"] for row in rows[:10]] == pytest.approx([0.1 * step for step in range(1, 11)])
    for row in rows[:10]:
        seen = one.image + row["epsilon"] * one.perturbation.sign() * (one.image > 0)
        assert row["mean"] == pytest.approx(float((judge(seen).argmax(1) == one.label).double().mean()))
