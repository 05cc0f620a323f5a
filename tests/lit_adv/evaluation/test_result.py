"""Evaluations go to JSON and come back; files of older versions are read."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.errors import InputError
from lit_adv.evaluation.cross import Cross, Spread
from lit_adv.evaluation.judge_figures import SHARES as SHARE_NAMES
from lit_adv.evaluation.judge_figures import Area, JudgeFigures, packed, unpacked
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.strength import Norms
from lit_adv.files import write_json

SHARES = st.floats(0, 1)
JUDGES = st.builds(
    JudgeFigures, white_box=st.booleans(), clean=SHARES, noise=SHARES, attack=SHARES, recognized=SHARES,
    checksum=st.text(), commonest=st.none() | SHARES, cross=st.booleans(), without=st.integers(0, 9),
    attack_l2=st.none() | SHARES, prior_off=st.none() | SHARES,
    auc=st.none() | st.builds(Area, value=SHARES, low=SHARES, high=SHARES, p=st.none() | SHARES),
    right=st.none() | st.dictionaries(st.sampled_from(list(SHARE_NAMES)), st.sampled_from(["", "00", "f3"])),
)  # fmt: skip
SPREADS = st.builds(Spread, value=SHARES, low=SHARES, high=SHARES, lowest=SHARES, highest=SHARES)
CROSSED = st.builds(
    Cross, judges=st.integers(1, 9), without=st.integers(0, 9), auc=st.none() | SPREADS, p=st.none() | SHARES,
    **dict.fromkeys(SHARE_NAMES, SPREADS),
)  # fmt: skip
NORMS = st.fixed_dictionaries(dict.fromkeys(("attack", "attack_l2"), st.builds(Norms, linf=SHARES, l2=SHARES)))
EVALUATIONS = st.builds(
    Evaluation, set=st.text(), data=st.text(), images=st.integers(), answers=st.integers(), epsilon=SHARES,
    perturbations_per_image=st.integers(), judges=st.dictionaries(st.text(), JUDGES), empty=st.none() | st.integers(),
    images_sha256=st.text(), norms=st.none() | NORMS, cross=st.none() | CROSSED,
)  # fmt: skip
OLD = {
    "set": "NMM BIM", "data": "mnist", "sha256": "1", "images": 100, "answers": 10, "perturbations_per_image": 20,
    "epsilon": 0.2, "seed": 0,
    "judges": {"model-000": {"white_box": False, "clean": 1.0, "noise": 0.9, "attack": 0.1, "recognized": 0.5}},
}  # fmt: skip


@given(EVALUATIONS)
def test_json_and_back(evaluation: Evaluation) -> None:
    assert Evaluation.from_json(evaluation.to_json()) == evaluation


def test_an_old_file_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "evaluation.json", OLD)
    found = Evaluation.load(tmp_path / "evaluation.json")
    assert found.judges["model-000"].share("recognized") == 0.5
    assert (found.empty, found.judges["model-000"].commonest) == (None, None)


def test_keys_are_written_in_the_order_that_they_had() -> None:
    judge = JudgeFigures(white_box=False, clean=1, noise=1, attack=0, recognized=0.5, commonest=0.1, checksum="c")
    evaluation = Evaluation(
        set="s", data="mnist", sha256="1", images=1, empty=0, answers=10, perturbations_per_image=1, epsilon=0.2,
        judges={"a": judge},
    )  # fmt: skip
    content = evaluation.to_json()
    assert list(content) == [
        *("set", "data", "sha256", "images", "images_sha256", "empty", "answers", "perturbations_per_image", "epsilon"),
        *("seed", "judges"),
    ]
    assert list(content["judges"]["a"]) == [
        *("checksum", "white_box", "cross", "without", "clean", "noise", "attack", "recognized", "commonest")
    ]


@given(st.lists(st.booleans(), max_size=30))
def test_answers_are_packed_and_come_back(right: list[bool]) -> None:
    digits = packed(torch.tensor(right, dtype=torch.bool))
    assert len(digits) == 2 * -(-len(right) // 8)
    assert unpacked(digits, len(right)).tolist() == right


def test_old_evaluations_show_what_they_have() -> None:
    found = Evaluation.from_json(OLD)
    assert (found.cross, found["model-000"].auc, found["model-000"].attack_l2) == (None, None, None)
    table = found.table()
    assert table.headings == ["judge", "perturbation recognized", "accuracy: clean", "random noise", "under attack"]
    assert len(table.rows[0]) == 5


@pytest.mark.parametrize("content", [{}, [], {**OLD, "judges": {"a": {"clean": 1.0}}}, {**OLD, "judges": 3}])
def test_another_file_is_refused(content: object, tmp_path: Path) -> None:
    write_json(tmp_path / "e.json", content)
    with pytest.raises(InputError, match="is no evaluation"):
        Evaluation.load(tmp_path / "e.json")
