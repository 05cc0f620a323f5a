"""Names, means and settings of recorded runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.judge_figures import JudgeFigures
from lit_adv.evaluation.result import Evaluation
from lit_adv.tracking.records import COLUMNS, default_group, identity, judged_figures, run_name, table_rows
from tests.lit_adv.evaluation.grouped import grouped, judge


def test_names() -> None:
    settings = {"data": "mnist", "setting": "NMM", "attack": "DeepFool", "targeted": False}
    assert run_name(settings) == "mnist-nmm-deepfool"
    assert run_name({**settings, "attack": "CW", "targeted": True}) == "mnist-nmm-cw-targeted"
    assert default_group("mnist", Path("zoo/digits")) == "mnist-digits"
    assert default_group("cifar10", Path("cifar10")) == "cifar10"
    assert default_group("imagenet", Path("zoos/mine.yaml")) == "imagenet-mine"
    assert default_group("mnist", Path("zoo/v1.2")) == "mnist-v1.2"
    assert identity("a", {"b": 1}) == identity("a", {"b": 1}) != identity("a", {"b": 2})


def test_means_are_over_the_judges_that_were_not_attacked() -> None:
    judges = {
        "a": JudgeFigures(white_box=False, clean=0.9, noise=0.8, attack=0.2, recognized=0.5),
        "b": JudgeFigures(white_box=True, clean=0.1, noise=0.1, attack=0.1, recognized=0.1),
        "c": JudgeFigures(white_box=False, clean=0.7, noise=0.6, attack=0.4, recognized=0.3),
    }
    evaluation = Evaluation(
        set="SM BIM", data="mnist", images=1, answers=10, perturbations_per_image=1, epsilon=0.2, judges=judges
    )
    found = judged_figures(evaluation)
    assert [found[key] for key in ("clean", "noise", "attack", "recognized")] == pytest.approx([0.8, 0.7, 0.3, 0.4])
    assert [found[f"attack/{name}"] for name in judges] == [0.2, 0.1, 0.4]
    only_white = judged_figures(replace(evaluation, judges={"b": judges["b"]}))
    assert "attack" not in only_white
    assert only_white["attack/b"] == 0.1


def test_models_that_judge_each_other_have_keys_of_their_own() -> None:
    judges = {f"m{seed}": judge(seed) for seed in range(4)}
    checksums = {f"m{seed}": f"sha256:s{seed}" for seed in range(4)}
    evaluation = evaluate(grouped(), judges, checksums=checksums)
    found = judged_figures(evaluation)
    assert evaluation.cross is not None
    assert found["cross/recognized"] == evaluation.cross.recognized.value
    assert found["cross/attack_l2/low"] == evaluation.cross.attack_l2.low
    assert found["cross/judges"] == 3
    assert found["recognized"] == found["recognized/m3"] == evaluation.judges["m3"].recognized
    assert "recognized/m0" not in found
    assert "auc/m3" in found
    rows = table_rows(evaluation)
    assert [row[COLUMNS.index("cross")] for row in rows] == [True, True, True, False]
    assert {len(row) for row in rows} == {len(COLUMNS)}
