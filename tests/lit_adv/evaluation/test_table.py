"""Tables 4.3 and 4.4: shape, means without white-box judges, published figures in brackets."""

from typing import Any

from lit_adv.evaluation.published import RECOGNIZED, STRENGTH
from lit_adv.evaluation.table import recognizability, strength

JUDGES = ("densenet40_k12_cifar10", "diaresnet164bn_cifar10", "pyramidnet110_a48_cifar10", "resnet56_cifar10")


def evaluation(name: str, attack: list[float], white_box: str | None = None, data: str = "cifar10") -> dict[str, Any]:
    """The four judges with given accuracies under attack."""
    figures = {
        judge: {"white_box": judge == white_box, "clean": 0.9, "noise": 0.8, "attack": a, "recognized": a / 2}
        for judge, a in zip(JUDGES, attack, strict=False)
    }
    return {"set": name, "data": data, "images": 100, "perturbations_per_image": 7, "epsilon": 0.03, "judges": figures}


SETS = [
    evaluation("SM BIM", [0.3, 0.4, 0.5, 0.1], white_box="resnet56_cifar10"),
    evaluation("NMM BIM", [0.2, 0.2, 0.2, 0.2]),
]


def test_strength() -> None:
    table = strength(SETS)
    assert table.headings == ["judge", "clean", "random noise", "SM BIM (7)", "NMM BIM (7)"]
    assert table.rows == [
        ["densenet40_k12_cifar10", "90.0 (92)", "80.0 (77)", "30.0 (33)", "20.0 (13)"],
        ["diaresnet164bn_cifar10", "90.0 (96)", "80.0 (90)", "40.0 (51)", "20.0 (31)"],
        ["pyramidnet110_a48_cifar10", "90.0 (94)", "80.0 (79)", "50.0 (33)", "20.0 (18)"],
        ["resnet56_cifar10", "90.0 (92)", "80.0 (80)", "10.0* (0)", "20.0 (21)"],
        ["mean", "90.0 (94)", "80.0 (82)", "40.0 (39)", "20.0 (21)"],
    ]


def test_recognizability() -> None:
    table = recognizability(SETS)
    assert table.headings == ["judge", "SM BIM (7)", "NMM BIM (7)"]
    assert table.rows[2] == ["pyramidnet110_a48_cifar10", "25.0 (9)", "10.0 (68)"]
    assert table.rows[3] == ["resnet56_cifar10", "5.0*", "10.0"]


def test_other_judges_and_sets_have_no_published_mean() -> None:
    few = strength([evaluation("MM BIM", [0.3, 0.4])])
    assert few.rows[-1] == ["mean", "90.0", "80.0", "35.0"]
    assert strength([evaluation("SM BIM", [0.3])]).rows == [
        ["densenet40_k12_cifar10", "90.0 (92)", "80.0 (77)", "30.0 (33)"]
    ]
    only_white = strength([evaluation("SM BIM", [0.3, 0.1], white_box=None), evaluation("SM CW", [])])
    assert only_white.rows[0][-1] == ""


def test_any_judge_of_digits_is_compared() -> None:
    (row,) = strength([evaluation("NMM DeepFool", [0.0], data="mnist")]).rows
    assert row[1:] == ["90.0 (100)", "80.0 (88)", "0.0 (0)"]
    assert recognizability([evaluation("NMM DeepFool", [1.0], data="mnist")]).rows[0][1] == "50.0 (68)"


def test_published_means_are_those_of_the_columns() -> None:
    """The thesis leaves the white-box judge out of the means under SM; rounding aside."""
    for data, white_box in (("cifar10", "resnet56_cifar10"), ("imagenet", "resnet50")):
        for name, column in STRENGTH[data].items():
            judges = {j: v for j, v in column.items() if j != "mean" and not (name.startswith("SM") and j == white_box)}
            assert abs(sum(judges.values()) / len(judges) - column["mean"]) <= 0.55, (data, name)
        assert set(RECOGNIZED[data]) < set(STRENGTH[data])
