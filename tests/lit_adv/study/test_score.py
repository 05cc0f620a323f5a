"""Figures of a study against hand-computed values; bad answer files are refused."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.study.design import Study, Trial
from lit_adv.study.score import Sheet, bootstrap_interval, confusion, read_sheet, score, share_right, summarise, trimmed

ABC = ("a", "b", "c")
LABELS = {1: "aabc", 2: "bcca"}
"""The right answers of the two groups' pictures, 10.png to 13.png and 20.png to 23.png."""
STUDY = Study(
    perturbations={"name": "NMM BIM", "data": "imagenet", "sha256": "ab", "targeted": False},
    seed=0,
    classes=ABC,
    trials={f"{g}{n}.png": Trial(4 * g + n, g, c, ABC) for g, labels in LABELS.items() for n, c in enumerate(labels)},
)


def saved(subject: str, group: int, given: str) -> dict[str, Any]:
    """What the page saves for a subject who gave these answers to the group's pictures."""
    answers = [{"picture": f"{group}{n}.png", "choice": c, "rt": 900 + n} for n, c in enumerate(given)]
    return {"study": STUDY.id, "group": group, "subject": subject, "answers": answers}


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    STUDY.save(tmp_path / "key.json")

    def write(content: object) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(content))
        return path

    return write


FIVE = [
    saved("s1", 1, "aabc"),  # 4 of 4
    saved("s2", 1, "abbc"),  # 3 of 4
    saved("s3", 1, "bbbb"),  # 1 of 4
    saved("s1", 2, "bcca"),  # 4 of 4
    saved("s4", 2, "acba"),  # 2 of 4
]


def test_figures(save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Group 1 keeps s2 alone; group 2, of two subjects, keeps both."""
    files = [save(content) for content in reversed(FIVE)]
    main(["study", "score", *map(str, files), "--key", str(tmp_path / "key.json"), "--out", str(tmp_path / "o.json")])
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["mean"] == pytest.approx((1 + 0.75 + 0.25 + 1 + 0.5) / 5)
    assert found["trimmed_mean"] == pytest.approx((0.75 + 1 + 0.5) / 3)
    assert found["chance"] == pytest.approx(1 / 3)
    # Group 1 always draws 0.75; group 2 draws 1 and 1 or 0.5 and 0.5 in a quarter of the draws each.
    assert found["interval_95"] == pytest.approx([(0.75 + 1) / 3, (0.75 + 2) / 3])
    assert found["subjects"] == [
        {"subject": "s1", "group": 1, "accuracy": 1.0, "kept": False},
        {"subject": "s2", "group": 1, "accuracy": 0.75, "kept": True},
        {"subject": "s3", "group": 1, "accuracy": 0.25, "kept": False},
        {"subject": "s1", "group": 2, "accuracy": 1.0, "kept": True},
        {"subject": "s4", "group": 2, "accuracy": 0.5, "kept": True},
    ]
    assert found["groups"] == [
        {"group": 1, "subjects": 3, "mean": pytest.approx(2 / 3), "trimmed_mean": 0.75},
        {"group": 2, "subjects": 2, "mean": 0.75, "trimmed_mean": 0.75},
    ]
    # Right answers: a twice in group 1, once in group 2; b once and once; c once and twice.
    assert found["classes"] == {
        "a": {"shown": 8, "accuracy": 5 / 8, "answers": {"a": 5, "b": 3}},
        "b": {"shown": 5, "accuracy": 4 / 5, "answers": {"b": 4, "a": 1}},
        "c": {"shown": 7, "accuracy": 5 / 7, "answers": {"c": 5, "b": 2}},
    }
    printed = capsys.readouterr().out
    for text in ("75.0 % (80.7)", "58.3 to 91.7 %", "3 of 5", "70.0 %", "33.3 %", "b (37.5 %)", "dropped"):
        assert text in printed, text


def test_a_group_without_subjects() -> None:
    answers = {f"1{n}.png": c for n, c in enumerate("aabb")}
    found = summarise([Sheet("s", 1, answers)], STUDY, seed=0)
    assert found["groups"][1] == {"group": 2, "subjects": 0, "mean": None, "trimmed_mean": None}
    assert (found["trimmed_mean"], found["interval_95"]) == (0.75, [0.75, 0.75])


def test_share_right() -> None:
    assert share_right({"x": "a", "y": "b", "z": "a"}, {"x": "a", "y": "a", "z": "a"}) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("accuracies", "kept"),
    [
        ([], []),
        ([0.3], [0]),
        ([0.3, 0.9], [0, 1]),
        ([0.3, 0.9, 0.1], [0]),
        ([0.5, 0.5, 0.5, 0.5], [1, 2]),
        ([0.9, 0.2, 0.7, 0.2, 0.9], [0, 2, 3]),
    ],
)
def test_trimmed(accuracies: list[float], kept: list[int]) -> None:
    assert trimmed(accuracies) == kept


SHARES = st.lists(st.integers(0, 50).map(lambda n: n / 50), min_size=3, max_size=12)


@given(SHARES)
def test_trimming_takes_one_of_the_best_and_one_of_the_worst(accuracies: list[float]) -> None:
    kept = trimmed(accuracies)
    left = sum(accuracies[i] for i in kept)
    assert len(set(kept)) == len(accuracies) - 2
    assert math.isclose(left, sum(accuracies) - max(accuracies) - min(accuracies), abs_tol=1e-12)


def test_the_interval_of_two_subjects() -> None:
    """Their mean is 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4."""
    assert bootstrap_interval([[0.0, 1.0]], seed=0) == (0, 1)
    assert bootstrap_interval([[0.0, 1.0]], seed=0, level=0.4) == (0.5, 0.5)


def test_subjects_are_drawn_within_their_groups() -> None:
    assert bootstrap_interval([[0.0, 0.0], [], [1.0, 1.0, 1.0]], seed=0) == pytest.approx((0.6, 0.6))


def test_the_interval_of_many_subjects_is_the_normal_one() -> None:
    """A hundred subjects of 0 and 1 in equal parts: ±1.96·0.5/√100."""
    low, high = bootstrap_interval([[0.0, 1.0] * 50], seed=0)
    assert low == pytest.approx(0.5 - 0.098, abs=0.011)
    assert high == pytest.approx(0.5 + 0.098, abs=0.011)


@given(st.lists(SHARES, min_size=1, max_size=4), st.integers(0, 9))
def test_the_interval_lies_within_the_shares(groups: list[list[float]], seed: int) -> None:
    low, high = bootstrap_interval(groups, seed, draws=50)
    every = [value for group in groups for value in group]
    assert min(every) - 1e-9 <= low <= high <= max(every) + 1e-9
    assert bootstrap_interval(groups, seed, draws=50) == (low, high)


def test_confusion() -> None:
    label = {"x": "a", "y": "b"}
    answered = [{"x": "c", "y": "b"}, {"x": "b", "y": "b"}, {"x": "a"}, {"x": "c"}]
    assert confusion(answered, label, ABC) == {
        "a": {"shown": 4, "accuracy": 0.25, "answers": {"c": 2, "a": 1, "b": 1}},
        "b": {"shown": 2, "accuracy": 1.0, "answers": {"b": 2}},
    }


GOOD = saved("s", 1, "aabc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([GOOD], "not a file that the study's page saved"),
        (GOOD | {"answers": "abc"}, "not a file that the study's page saved"),
        (GOOD | {"study": "0123"}, "is of study 0123"),
        (GOOD | {"group": 3}, "group 3 is not one of 1 to 2"),
        (GOOD | {"group": True}, "group True is not one of 1 to 2"),
        (GOOD | {"group": 2}, r"picture 10\.png is not in group 2"),
        (GOOD | {"subject": ""}, "subject '' is not a name"),
        (GOOD | {"answers": GOOD["answers"][:3]}, "incomplete: 3 of 4 pictures answered; leave it out"),
        (GOOD | {"answers": GOOD["answers"] + GOOD["answers"][:1]}, r"picture 10\.png is answered 2 times"),
        (saved("s", 1, "aabz"), r"'z' is not among the choices of picture 13\.png"),
        (GOOD | {"answers": [{"picture": ["10.png"], "choice": "a"}]}, "is not in group 1"),
    ],
)
def test_bad_answers_are_refused(save: Save, content: object, message: str) -> None:
    path = save(content)
    with pytest.raises(InputError, match=message) as refused:
        read_sheet(path, STUDY)
    assert str(path) in str(refused.value)


def test_bad_files_are_one_line(save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, good = tmp_path / "key.json", save(GOOD)
    broken = tmp_path / "broken.json"
    broken.write_text('{"study": ')
    for words, message in (
        ([good, save(GOOD)], "subject s has answered group 1 in another file too"),
        ([good, good], "subject s has answered group 1 in another file too"),
        ([broken], "damaged or not JSON"),
        ([tmp_path / "none.json"], "no file"),
        ([key], "not a file that the study's page saved"),
    ):
        out = tmp_path / "figures.json"
        with pytest.raises(SystemExit) as stop:
            main(["study", "score", *map(str, words), "--key", str(key), "--out", str(out)])
        error = capsys.readouterr().err
        assert stop.value.code == 2
        assert error.startswith("lit-adv: ")
        assert error.count("\n") == 1
        assert message in error
        assert not out.exists()
    with pytest.raises(InputError, match="seed -1"):
        score([good], key, seed=-1)
