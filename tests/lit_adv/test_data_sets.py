"""Names stand for the right numbers."""

import pytest
from torchvision.models import ResNet18_Weights

from lit_adv.data_sets import DATA_SETS, class_table


@pytest.mark.parametrize("data", DATA_SETS)
def test_every_class_has_a_name(data: str) -> None:
    assert len(DATA_SETS[data].class_names()) == DATA_SETS[data].classes


def test_names() -> None:
    assert DATA_SETS["cifar10"].class_names()[3] == "cat"
    named = DATA_SETS["imagenet"].class_names()
    assert [named[number] for number in (0, 292, 497, 999)] == ["tench", "tiger", "church", "toilet tissue"]


def test_the_packaged_list_agrees_with_torchvision() -> None:
    named = ResNet18_Weights.DEFAULT.meta["categories"]
    for name, (number, _) in class_table().items():
        assert named[number].replace(" ", "_") == name or name in ("cab", "teddy"), (name, named[number])
