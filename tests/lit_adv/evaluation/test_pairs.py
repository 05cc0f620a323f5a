"""Settings in pairs: McNemar's test, the same images and judges only, and no difference where none is shown."""

from dataclasses import replace
from statistics import mean

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.pairs import NONE_SHOWN, changes, compared, mcnemar, pairs
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.set_tables import CROSS
from tests.lit_adv.evaluation.grouped import Grouped, grouped, judge

JUDGES = {f"m{seed}": judge(seed) for seed in range(5)}
CHECKSUMS = {f"m{seed}": f"sha256:s{seed}" for seed in range(5)}


def evaluated(one: Grouped) -> Evaluation:
    return evaluate(one, JUDGES, checksums=CHECKSUMS)


def test_mcnemar() -> None:
    """1 gained of 8 that changed: twice the binomial tail, 2 · (1 + 8) / 2⁸."""
    first = torch.tensor([True] * 7 + [False] + [True, False] * 5)
    second = torch.tensor([False] * 7 + [True] + [True, False] * 5)
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(18 / 256)
    assert mcnemar(first, first) == 1


def test_changes_are_those_of_the_same_images() -> None:
    one = grouped(groups=4)
    better = replace(one, perturbation=-one.image, parts=-one.image.expand_as(one.parts))
    first, second = evaluated(one), evaluated(better)
    found = {(change.name, change.judge): change for change in changes(first, second)}
    assert {judge for _, judge in found} == {CROSS, "m4"}
    for (name, who), change in found.items():
        names = [f"m{seed}" for seed in range(4)] if who == CROSS else [who]
        before, after = ([one.judges[key].share(name) for key in names] for one in (first, second))
        assert change.first.value == pytest.approx(mean(map(float, before)))
        assert change.second.value == pytest.approx(mean(map(float, after)))
        assert change.change.value == pytest.approx(change.second.value - change.first.value)
        assert change.change.low <= change.change.value <= change.change.high
        assert (change.p is None) == (who == CROSS)


def test_a_set_does_not_differ_from_itself() -> None:
    one = evaluated(grouped(groups=4))
    table = compared([one, one])
    assert len(table.rows) == 3 * 2
    assert {row[-1] for row in table.rows} == {NONE_SHOWN}
    assert all(row[5].startswith("+0.0 [−") for row in table.rows)


def test_a_difference_is_shown() -> None:
    one = evaluated(grouped(groups=4))
    judge = one.judges["m4"]
    none, every = (
        replace(one, cross=None, judges={"m4": replace(judge, right=dict.fromkeys(judge.right or (), digits * 5))})
        for digits in ("00", "ff")
    )
    (row, *_) = compared([none, every]).rows
    assert row[3:6] == ["0.0 [0, 9]", "100.0 [91, 100]", "+100.0 [+82.5, +100.0]"]
    assert row[7] == ""
    assert float(row[6]) < 1e-10


def test_what_cannot_be_paired() -> None:
    one = evaluated(grouped(groups=4))
    other = replace(one, images_sha256="other")
    with pytest.raises(InputError, match="are of different images; only the same can be paired"):
        changes(one, other)
    with pytest.raises(InputError, match="tested with different seed"):
        changes(one, replace(one, seed=3))
    old = replace(one, set="SM CW", images_sha256="")
    with pytest.raises(InputError, match="SM CW kept no answers; make it again with lit-adv test"):
        changes(one, old)
    table = compared([one, old])
    assert table.rows == []
    assert table.note == "Not compared, for their evaluations kept no answers: SM CW; lit-adv test makes them again."
    white = replace(one, cross=None, judges={"m4": replace(one.judges["m4"], white_box=True)})
    assert changes(one, white) == []


def test_of_many_sets_each_is_compared_with_the_first() -> None:
    one = evaluated(grouped(groups=4))
    named = [replace(one, set=f"S{place}") for place in range(6)]
    assert len(list(pairs(named[:4]))) == 6
    assert [(first.set, second.set) for first, second in pairs(named)] == [("S0", f"S{place}") for place in range(1, 6)]
