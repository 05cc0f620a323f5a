"""Groups are stratified, choices hold the right answer, and a changed key is refused."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.errors import InputError
from lit_adv.study.design import Study, Trial, deal, draw_choices

LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=80)


@given(LABELS, st.integers(1, 90), st.integers(0, 5))
def test_groups_are_as_equal_as_can_be(labels: list[int], size: int, seed: int) -> None:
    group = deal(labels, size, np.random.default_rng(seed))
    sizes = Counter(group)
    assert sorted(sizes) == list(range(-(-len(labels) // size)))
    assert max(sizes.values()) <= size
    assert max(sizes.values()) - min(sizes.values()) <= 1
    for c in set(labels):
        counts = [sum(g == one and label == c for g, label in zip(group, labels, strict=True)) for one in sizes]
        assert max(counts) - min(counts) <= 1


def test_the_thesis_groups() -> None:
    """200 images of 20 classes in four groups of 50, two or three of each class in each."""
    labels = [c for c in range(20) for _ in range(10)]
    group = deal(labels, 50, np.random.default_rng(0))
    assert Counter(group) == {0: 50, 1: 50, 2: 50, 3: 50}
    assert set(Counter(zip(group, labels, strict=True)).values()) == {2, 3}
    assert deal(labels, 50, np.random.default_rng(0)) == group
    assert deal(labels, 50, np.random.default_rng(1)) != group


@given(LABELS, st.integers(1, 7))
def test_choices(labels: list[int], count: int) -> None:
    classes = [3, 0, 1, 2, 6, 5, 4]
    for label, offered in zip(labels, draw_choices(labels, classes, count, np.random.default_rng(0)), strict=True):
        assert label in offered
        assert len(offered) == count
        assert offered == [c for c in classes if c in offered]


def test_every_other_class_is_drawn_as_often() -> None:
    drawn = Counter(c for o in draw_choices([0] * 6000, range(4), 2, np.random.default_rng(0)) for c in o)
    assert drawn[0] == 6000
    assert all(abs(drawn[c] - 2000) < 150 for c in (1, 2, 3))  # standard deviation 37


def study() -> Study:
    return Study(
        perturbations={"name": "NMM BIM", "data": "mnist", "sha256": "ab", "targeted": False},
        seed=0,
        classes=("0", "1", "2"),
        trials={
            "a.png": Trial(1, 1, "0", ("0", "1")),
            "b.png": Trial(0, 2, "1", ("0", "1", "2")),
            "c.png": Trial(2, 1, "2", ("1", "2")),
        },
    )


def test_a_key_survives_the_way_to_disk(tmp_path: Path) -> None:
    study().save(tmp_path / "key.json")
    assert Study.load(tmp_path / "key.json") == study()
    assert study().groups == [["a.png", "c.png"], ["b.png"]]
    assert study().chance == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)


@pytest.mark.parametrize("damage", [{"seed": 1}, {"trials": []}, {"classes": None}])
def test_a_changed_key_is_refused(tmp_path: Path, damage: dict[str, object]) -> None:
    path = tmp_path / "key.json"
    study().save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(InputError, match=r"key\.json, or was changed"):
        Study.load(path)
