"""What `average` and `perturb` refuse: one line each, before the work."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import lit_adv
from lit_adv.errors import InputError
from tests.lit_adv.perturbations.test_average import BIM, IMAGES, LABELS, Interrupting, network


def narrow() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 4)).eval()


def broken(x: Tensor) -> Tensor:
    return x.flatten(1)[:, :10] * torch.inf


@pytest.mark.parametrize(
    ("models", "images", "labels", "options", "reason"),
    [
        ([network(0), narrow()], IMAGES, LABELS, {}, "Sequential-1 gives 4 logits, Sequential-0 10; average over"),
        ((m for m in (network(0), narrow())), IMAGES, LABELS, {}, "Sequential-1 gives 4 logits, Sequential-0 10"),
        ([network(0)], IMAGES * 255, LABELS, {}, r"from 0 to 25\d; they must be in \[0, 1\]; divide them by 255"),
        ([network(0)], (IMAGES * 255).byte(), LABELS, {}, "images are uint8; give floating-point .* images / 255"),
        ([network(0)], IMAGES - 0.1, LABELS, {}, r"image 0 has pixel values from -0.1"),
        ([network(0)], IMAGES, LABELS + 1, {}, r"labels hold 10 .*counted from 1: give labels - 1"),
        (
            [network(0)],
            IMAGES,
            LABELS + 5,
            {},
            r"labels hold 10, 11, 12, 13, 14 \(image 5\), the models know .* 0 to 9$",
        ),
        ([network(0)], IMAGES, LABELS, {"targets": LABELS + 1}, r"targets hold 10 .*counted from 1"),
        ([network(0)], IMAGES[:0], LABELS[:0], {}, "there is no image"),
        ([], IMAGES, LABELS, {}, "models is empty"),
        (iter([]), IMAGES, LABELS, {}, "models gave no model"),
        ([3], IMAGES, LABELS, {}, "model 0 is a int; give modules, functions, or entries of a zoo"),
        ([None], IMAGES, LABELS, {}, "model 0 is a NoneType; give"),
        (iter([network(0), None]), IMAGES, LABELS, {}, "model 1 is a NoneType; give"),
        ([nn.Linear], IMAGES, LABELS, {}, "model 0 is the class Linear; give"),
        ({"a": network(0)}, IMAGES, LABELS, {}, "models are a dict; give a list"),
        (lambda: network(0), IMAGES, LABELS, {}, "<lambda>-0 does not take images .* positional argument"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(10)).eval(), IMAGES, LABELS, {}, "that are not made yet"),
        ([network(0)], IMAGES, None, {}, "labels are a NoneType"),
        ([network(0)], IMAGES.expand(-1, 2, -1, -1), LABELS, {}, "images have 2 channels; they must have 1 or 3"),
        ([network(0).train()], IMAGES, LABELS, {}, r"source model Sequential-0 is in training mode"),
        (iter([network(0).train()]), IMAGES, LABELS, {}, r"source model Sequential-0 is in training mode"),
        ([network(0)], IMAGES[:, :, :8], LABELS, {}, r"Sequential-0 does not take images \[4, 1, 8, 28\]"),
        ([lambda x: x], IMAGES, LABELS, {}, r"gives logits of shape \[4, 1, 28, 28\]"),
        ([broken], IMAGES, LABELS, {}, r"source model broken-0 gives logits that are not finite at images 0, 1, 2"),
        ([network(0)], IMAGES, LABELS, {"copies": 0}, "copies is 0"),
        ([network(0)], IMAGES, LABELS, {"sigma": -1}, "sigma is -1"),
        ([network(0)], IMAGES, LABELS, {"sigma": "0.1"}, "sigma is 0.1; it must be 0 to 100"),
        ([network(0)], IMAGES, LABELS, {"index": list(range(10))}, "index is list; give one whole number"),
        ([network(0)], IMAGES, LABELS, {"index": LABELS - 1}, "index reaches down to -1"),
        ([network(0)], IMAGES, LABELS, {"class_names": "abcdefghij"}, "class_names is a str; give a list"),
        ([network(0)], IMAGES, LABELS, {"out": ""}, "out is empty"),
        ([network(0)], IMAGES, LABELS, {"device": 3.5}, "device '3.5' is not to be had here"),
        (
            [network(0)],
            IMAGES,
            LABELS,
            {"data": "chess"},
            "data is 'chess'; it must be one of mnist, cifar10, imagenet",
        ),
        ([network(0)], IMAGES, LABELS, {"data": "cifar10"}, r"data cifar10 has images \[3, 32, 32\]"),
        ([network(0)], IMAGES, LABELS, {"class_names": ["a"]}, "class_names has 1 names, the models have 10"),
        ([network(0)], IMAGES, LABELS, {"index": torch.arange(3)}, r"index is int64 \[3\]; give one"),
        (iter([network(0)]), IMAGES, LABELS, {"out": "nowhere"}, "models that can be counted; give a list"),
        ([network(0)], IMAGES, LABELS, {"device": "warp"}, "device 'warp' is not to be had here"),
    ],
)
def test_bad_input(models: object, images: Tensor, labels: Tensor, options: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        lit_adv.average(models, images, labels, BIM, **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("attack", [lit_adv.BIM, "BIM", None])
def test_what_is_no_attack(attack: object) -> None:
    with pytest.raises(InputError, match=r"attack is (the class BIM|a str|a NoneType); give one such as BIM"):
        lit_adv.average([network(0)], IMAGES, LABELS, attack)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"class_names": ["a"]}, {"data": "cifar10"}])
def test_what_does_not_fit_is_found_before_the_work(options: dict[str, object]) -> None:
    model = Interrupting(network(0)).eval()
    model.passes.left = 3  # a look at the model is one pass; more would interrupt
    with pytest.raises(InputError):
        lit_adv.average([model], IMAGES, LABELS, BIM, fast=False, **options)  # type: ignore[arg-type]


def test_perturb_refuses_what_it_cannot_use() -> None:
    model = network(0)
    for arguments, reason in (
        ((model, IMAGES * 255, LABELS, BIM), "divide them by 255"),
        ((None, IMAGES, LABELS, BIM), "model is a NoneType; give modules"),
        ((narrow(), IMAGES[:, :, 1:], LABELS, BIM), "Sequential-0 does not take images"),
        ((model, IMAGES, LABELS, lit_adv.BIM), "attack is the class BIM"),
    ):
        with pytest.raises(InputError, match=reason):
            lit_adv.perturb(*arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="noise is a float; give a tensor like the images"):
        lit_adv.perturb(model, IMAGES, LABELS, BIM, noise=0.1)  # type: ignore[arg-type]


def test_extremes_of_an_attack() -> None:
    with pytest.raises(InputError, match=r"epsilon is 8; it must be at most 1.0: pixels are in \[0, 1\]"):
        lit_adv.average([network(0)], IMAGES, LABELS, lit_adv.BIM(epsilon=8))
