"""Digits without a download."""

import pytest
import torch

import lit_adv
from datamodules.labelled import Labelled
from lit_adv.errors import InputError


def test_the_first_of_each_class(digits: Labelled) -> None:
    images, labels = lit_adv.digits(per_class=3)
    assert labels.tolist() == [c for c in range(10) for _ in range(3)]
    for c in range(10):
        assert torch.equal(images[labels == c], digits.test_images[digits.test_labels == c][:3])


def test_all_of_them(digits: Labelled) -> None:
    for train, images, labels in (
        (True, digits.train_images, digits.train_labels),
        (False, digits.test_images, digits.test_labels),
    ):
        found = lit_adv.digits(None, train=train)
        assert torch.equal(found[0], images)
        assert torch.equal(found[1], labels)


def test_digits_may_be_changed() -> None:
    lit_adv.digits(None)[0].zero_()
    assert lit_adv.digits(None)[0].max() == 1


def test_too_many() -> None:
    with pytest.raises(InputError, match="per_class is 101; it must be 1 to 100, or None for all"):
        lit_adv.digits(101)
    assert len(lit_adv.digits(400, train=True)[1]) == 4000
