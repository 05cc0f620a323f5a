"""Tables 4.3 and 4.4: shape, means without white-box judges, intervals and published figures in brackets."""

from dataclasses import replace

from lit_adv.evaluation.cross import Cross, Spread
from lit_adv.evaluation.judge_figures import SHARES, Area, JudgeFigures
from lit_adv.evaluation.published import RECOGNIZED, STRENGTH
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.set_tables import areas, recognizability, strength
from lit_adv.evaluation.strength import Norms

JUDGES = ("densenet40_k12_cifar10", "diaresnet164bn_cifar10", "pyramidnet110_a48_cifar10", "resnet56_cifar10")


def evaluation(name: str, attack: list[float], white_box: str | None = None, data: str = "cifar10") -> Evaluation:
    """The four judges with given accuracies under attack."""
    judges = {
        judge: JudgeFigures(white_box=judge == white_box, clean=0.9, noise=0.8, attack=a, recognized=a / 2)
        for judge, a in zip(JUDGES, attack, strict=False)
    }
    return Evaluation(
        set=name, data=data, images=100, answers=10, perturbations_per_image=7, epsilon=0.03, judges=judges
    )


def with_commonest(given: Evaluation, *shares: float) -> Evaluation:
    """The evaluation whose judges give so large a share of perturbations one answer."""
    judges = zip(given.judges.items(), shares, strict=True)
    return replace(given, judges={name: replace(judge, commonest=share) for (name, judge), share in judges})


NINETY, EIGHTY, FORTY, TWENTY = "90.0 [83, 94]", "80.0 [71, 87]", "40.0 [31, 50]", "20.0 [13, 29]"
SETS = [
    evaluation("SM BIM", [0.3, 0.4, 0.5, 0.1], white_box="resnet56_cifar10"),
    evaluation("NMM BIM", [0.2, 0.2, 0.2, 0.2]),
]


def test_strength() -> None:
    table = strength(SETS)
    assert table.headings == ["judge", "clean", "random noise", "SM BIM (7)", "NMM BIM (7)"]
    assert table.rows == [
        ["densenet40_k12_cifar10", f"{NINETY} (92)", f"{EIGHTY} (77)", "30.0 [22, 40] (33)", f"{TWENTY} (13)"],
        ["diaresnet164bn_cifar10", f"{NINETY} (96)", f"{EIGHTY} (90)", f"{FORTY} (51)", f"{TWENTY} (31)"],
        ["pyramidnet110_a48_cifar10", f"{NINETY} (94)", f"{EIGHTY} (79)", "50.0 [40, 60] (33)", f"{TWENTY} (18)"],
        ["resnet56_cifar10", f"{NINETY} (92)", f"{EIGHTY} (80)", "10.0* [6, 17] (0)", f"{TWENTY} (21)"],
        ["mean", f"{NINETY} (94)", f"{EIGHTY} (82)", f"{FORTY} (39)", f"{TWENTY} (21)"],
    ]


def test_recognizability() -> None:
    table = recognizability(SETS)
    assert table.headings == ["judge", "SM BIM (7)", "NMM BIM (7)"]
    assert table.rows[2] == ["pyramidnet110_a48_cifar10", "25.0 [18, 34] (9)", "10.0 [6, 17] (68)"]
    assert table.rows[3] == ["resnet56_cifar10", "5.0* [2, 11]", "10.0 [6, 17]"]


def test_other_judges_and_sets_have_no_published_mean() -> None:
    few = strength([evaluation("MM BIM", [0.3, 0.4])])
    assert few.rows[-1] == ["mean", NINETY, EIGHTY, "35.0 [26, 45]"]
    assert strength([evaluation("SM BIM", [0.3])]).rows == [
        ["densenet40_k12_cifar10", f"{NINETY} (92)", f"{EIGHTY} (77)", "30.0 [22, 40] (33)"]
    ]
    only_white = strength([evaluation("SM BIM", [0.3, 0.1], white_box=None), evaluation("SM CW", [])])
    assert only_white.rows[0][-1] == ""


def test_sets_of_fewer_images_say_so() -> None:
    few = replace(evaluation("NMM CW", [0.25]), images=20)
    table = strength([few, evaluation("NMM BIM", [0.3])])
    assert table.headings[1:] == [
        "clean (100 images)",
        "random noise (100 images)",
        "NMM CW (7, 20 images)",
        "NMM BIM (7, 100 images)",
    ]
    assert table.rows[0][1:] == [f"{NINETY} (92)", f"{EIGHTY} (77)", "25.0 [11, 47] (9)", "30.0 [22, 40] (13)"]


def test_sets_of_other_answers_say_so() -> None:
    table = recognizability([evaluation("SM CW", [0.3]), replace(evaluation("NMM CW", [0.3]), answers=5)])
    assert table.headings[1:] == ["SM CW (7, 10 answers)", "NMM CW (7, 5 answers)"]


def test_any_judge_of_digits_is_compared() -> None:
    (row,) = strength([evaluation("NMM DeepFool", [0.0], data="mnist")]).rows
    assert row[1:] == [f"{NINETY} (100)", f"{EIGHTY} (88)", "0.0 [0, 4] (0)"]
    assert recognizability([evaluation("NMM DeepFool", [1.0], data="mnist")]).rows[0][1] == "50.0 [40, 60] (68)"


def test_published_means_are_those_of_the_columns() -> None:
    """The thesis leaves the white-box judge out of the means under SM; rounding aside."""
    for data, white_box in (("cifar10", "resnet56_cifar10"), ("imagenet", "resnet50")):
        for name, column in STRENGTH[data].items():
            judges = {j: v for j, v in column.items() if j != "mean" and not (name.startswith("SM") and j == white_box)}
            assert abs(sum(judges.values()) / len(judges) - column["mean"]) <= 0.55, (data, name)
        assert set(RECOGNIZED[data]) < set(STRENGTH[data])


def test_judges_that_give_one_answer_are_named() -> None:
    same = with_commonest(evaluation("NMM BIM", [0.1, 0.2, 1.9]), 0.55, 0.45, 0.95)
    note = recognizability([same, SETS[0]]).note
    assert note == "densenet40_k12_cifar10 gives 55 % of NMM BIM the same answer."
    same = with_commonest(same, 0.55, 0.7, 0.95)
    assert recognizability([same]).note == "2 of 3 judges give 55 to 70 % of NMM BIM the same answer."
    assert recognizability(SETS).note == strength(SETS).note == ""


def test_empty_perturbations_are_counted() -> None:
    some = replace(SETS[0], empty=14)
    for table in (recognizability, strength):
        assert table([some, replace(SETS[1], empty=0)]).note == "14 of 100 perturbations of SM BIM are 0."


def spread(value: float) -> Spread:
    return Spread(value=value, low=value - 0.1, high=value + 0.1, lowest=value - 0.2, highest=value + 0.2)


def crossed(given: Evaluation, without: int) -> Evaluation:
    """The evaluation with ten source models that judge each other, two of which are among the judges."""
    shares = dict.fromkeys(SHARES, spread(0.5))
    cross = Cross(judges=10, without=without, auc=spread(0.7), p=0.0001, **shares)
    figures = JudgeFigures(white_box=False, cross=True, clean=0.9, noise=0.8, attack=0.5, recognized=0.5)
    return replace(given, cross=cross, judges={**given.judges, "s1": figures, "s2": figures})


def test_models_that_judge_each_other_have_one_row_before_the_others() -> None:
    cell = "50.0 [40, 60], 30 to 70"
    sets = [crossed(SETS[0], 0), crossed(SETS[1], 10)]
    table = strength(sets)
    assert [cell.replace("\u00a0", " ") for cell in table.rows[0]] == ["source models", cell, cell, cell, cell]
    assert table.rows[1:] == strength(SETS).rows
    assert "SM BIM: 10 source models, not attacked for this set" in table.note
    assert "NMM BIM: 10 source models, each on the average without its own group" in table.note
    other = recognizability([crossed(SETS[0], 4), SETS[1]])
    assert other.rows[0][1:] == [cell.replace(" to ", "\u00a0to\u00a0"), ""]
    assert other.rows[1:] == recognizability(SETS).rows
    single = crossed(SETS[1], 10).table()
    assert [row[0] for row in single.rows] == ["10 source models, each on the average without its own group", *JUDGES]
    assert single.rows[0][3].replace("\u00a0", " ") == "0.70 [0.60, 0.80], 0.50 to 0.90 (p = 0.0001)"


def test_areas_are_a_table_of_their_own() -> None:
    area = Area(value=0.6, low=0.5, high=0.7, p=0.04)
    given = SETS[0].judges
    known = replace(SETS[0], judges={name: replace(one, auc=area, prior_off=0.2) for name, one in given.items()})
    table = areas([known, SETS[1]])
    assert [row[0] for row in table.rows[:2]] == [f"{JUDGES[0]}: AUC", f"{JUDGES[0]}: prior off, %"]
    assert table.rows[0][1:] == ["0.60 [0.50, 0.70] (p\u00a0=\u00a00.04)", ""]
    assert table.rows[-2][1].startswith("0.60* [0.50")
    assert table.rows[1][1:] == [TWENTY, ""]
    assert areas(SETS).rows == []


def test_lengths_are_told_once_where_they_are_the_same() -> None:
    lengths = {"attack": Norms(0.2, 5.6), "attack_l2": Norms(0.612, 5.6)}
    note = strength([replace(one, norms=lengths) for one in SETS]).note
    assert note == "SM BIM, NMM BIM: ε·sign(δ): L∞ 0.2, L2 5.6; equal L2: L∞ 0.612, L2 5.6 (means over images)."
