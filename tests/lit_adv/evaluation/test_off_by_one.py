"""Labels that begin at 1 are noticed; poor judges, and a few classes that look like their neighbours, are not."""

import pytest
import torch

from lit_adv.evaluation.off_by_one import off_by_one, off_by_one_in_words

LABELS = torch.arange(40).repeat_interleave(5) * 25
"""200 images of 40 of 1000 classes."""


def judges(accuracy: float, shift: int = 0, count: int = 3, classes: int = 1000) -> list[torch.Tensor]:
    """Answers that are right, but for `shift`, as often as `accuracy` says, and else any."""
    generator = torch.Generator().manual_seed(0)
    guesses = torch.randint(classes, (count, len(LABELS)), generator=generator)
    knows = torch.rand((count, len(LABELS)), generator=generator) < accuracy
    return list(torch.where(knows, LABELS + shift, guesses))


@pytest.mark.parametrize("accuracy", [0.45, 0.7, 1.0])
@pytest.mark.parametrize("shift", [-1, 1])
def test_labels_that_are_off(accuracy: float, shift: int) -> None:
    found = off_by_one(judges(accuracy, shift), LABELS)
    assert found is not None
    assert found[0] == shift
    assert found[1] == pytest.approx(accuracy, abs=0.06)
    assert found[2] < 0.05
    assert off_by_one(judges(accuracy), LABELS) is None
    assert off_by_one(judges(accuracy, shift), LABELS + shift) is None


def test_what_is_no_sign_of_it() -> None:
    assert off_by_one([], LABELS) is None
    assert off_by_one(judges(0.1, -1), LABELS) is None  # too poor to tell
    assert off_by_one(judges(1.0, -2), LABELS) is None
    half = [torch.where(torch.arange(len(LABELS)) % 2 == 0, LABELS - 1, LABELS)]
    assert off_by_one(half, LABELS) is None
    few = LABELS < 75
    assert off_by_one([answers[few] for answers in judges(1.0, -1)], LABELS[few]) is None  # three classes


def test_the_line_says_what_to_do() -> None:
    assert off_by_one_in_words(judges(0.8), LABELS) is None
    high, low = (off_by_one_in_words(judges(0.8, shift), LABELS) for shift in (-1, 1))
    assert high is not None
    assert "judges give label − 1 to 8" in high
    assert "labels less by 1, or --data.first_label 1" in high
    assert low is not None
    assert "label + 1" in low
    assert "--data.first_label 0" in low
