"""ImageNet's wnids and names: an order that torchvision and the packaged list agree with."""

import pytest
from torchvision.models import ResNet18_Weights

from lit_adv.data_sets import class_table
from lit_adv.imagenet import AMBIGUOUS, classes_named, imagenet_wnids, plain


def test_wnids_are_in_the_order_of_the_classes() -> None:
    wnids = imagenet_wnids()
    assert len(set(wnids)) == 1000
    assert list(wnids) == sorted(wnids)  # as folders named by them are numbered
    for number, wnid in class_table().values():
        assert wnids[number] == wnid


def test_every_name_of_torchvision_means_its_class_or_two() -> None:
    for number, name in enumerate(ResNet18_Weights.DEFAULT.meta["categories"]):
        expected = AMBIGUOUS.get(plain(name), (number,))
        assert classes_named(name) == expected
        assert classes_named(name.upper().replace(" ", "_")) == expected
    for name, (number, _) in class_table().items():
        assert classes_named(name) == (number,)


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("crane", (134, 517)),
        ("crane bird", (134,)),
        ("maillot, tank suit", (638, 639)),
        ("great white shark, white shark, man-eater", (2,)),
        ("harmonica, mouth organ, harp", (593,)),  # not the harp, 594
        ("hun", ()),
        ("", ()),
    ],
)
def test_names_that_mean_one_class_or_two_or_none(name: str, classes: tuple[int, ...]) -> None:
    assert classes_named(name) == classes
