"""Names stand for the right numbers."""

import pytest
from torchvision.models import ResNet18_Weights

from lit_adv.data_sets import DATA_SETS, IMAGES, class_table, own_images
from lit_adv.errors import InputError
from lit_adv.perturbations.manifest import DataRecord


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


@pytest.mark.parametrize(("shape", "epsilon", "scale"), [((1, 28, 28), 0.2, None), ((3, 32, 32), 0.03, 0.05)])
def test_own_images_are_treated_like_similar_ones(shape: tuple[int, ...], epsilon: float, scale: float | None) -> None:
    own = own_images(shape, ["cat", "dog", "cow"], [0.5] * shape[0], [0.25] * shape[0])
    assert (own.name, own.classes, own.class_names()) == (IMAGES, 3, ("cat", "dog", "cow"))
    assert (own.image_shape, own.epsilon, own.judge_scale, own.mean) == (shape, epsilon, scale, (0.5,) * shape[0])
    assert not own.answers_among_its_classes


def test_own_photographs_may_have_imagenets_classes() -> None:
    own = own_images([3, 128, 96], "imagenet", [0.4] * 3, [0.2] * 3)
    assert own.class_names() == DATA_SETS["imagenet"].class_names()
    assert own.classes == 1000
    assert own.answers_among_its_classes


def test_a_record_knows_its_data_set() -> None:
    details = {"image_shape": [1, 8, 8], "classes": ["a", "b"], "mean": [0.1], "std": [0.2]}
    assert DataRecord(IMAGES, details).data_set.class_names() == ("a", "b")
    assert DataRecord("mnist").data_set is DATA_SETS["mnist"]
    with pytest.raises(InputError, match="'chess' is unknown"):
        _ = DataRecord("chess").data_set
