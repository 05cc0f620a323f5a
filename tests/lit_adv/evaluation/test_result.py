"""Evaluations go to JSON and come back; files of older versions are read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.errors import InputError
from lit_adv.evaluation.result import Evaluation, JudgeFigures
from lit_adv.files import write_json

SHARES = st.floats(0, 1)
JUDGES = st.builds(
    JudgeFigures, white_box=st.booleans(), clean=SHARES, noise=SHARES, attack=SHARES, recognized=SHARES,
    checksum=st.text(), commonest=st.none() | SHARES,
)  # fmt: skip
EVALUATIONS = st.builds(
    Evaluation, set=st.text(), data=st.text(), images=st.integers(), answers=st.integers(), epsilon=SHARES,
    perturbations_per_image=st.integers(), judges=st.dictionaries(st.text(), JUDGES), empty=st.none() | st.integers(),
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
        *("set", "data", "sha256", "images", "empty", "answers", "perturbations_per_image", "epsilon", "seed", "judges")
    ]
    assert list(content["judges"]["a"]) == [
        *("checksum", "white_box", "clean", "noise", "attack", "recognized", "commonest")
    ]


@pytest.mark.parametrize("content", [{}, [], {**OLD, "judges": {"a": {"clean": 1.0}}}, {**OLD, "judges": 3}])
def test_another_file_is_refused(content: object, tmp_path: Path) -> None:
    write_json(tmp_path / "e.json", content)
    with pytest.raises(InputError, match="is no evaluation"):
        Evaluation.load(tmp_path / "e.json")
