"""Names stand for the right numbers."""

import pytest

from datamodules.imagenet import class_table
from lit_adv.class_names import class_names
from lit_adv.data_sets import DATA_SETS


@pytest.mark.parametrize("data", DATA_SETS)
def test_every_class_has_a_name(data: str) -> None:
    assert len(class_names(data)) == DATA_SETS[data].classes


def test_cats() -> None:
    assert class_names("cifar10")[3] == "cat"


def test_the_packaged_list_agrees() -> None:
    differ = {"cab", "teddy"} | {"white_shark"}
    named = class_names("imagenet")
    for name, (number, _) in class_table().items():
        assert named[number].replace(" ", "_") == name or name in differ, (name, named[number])
