"""`average` and `evaluate` on another device: models of the CPU are copied there, models that are there stay there."""

from copy import deepcopy

import torch

import lit_adv
from lit_adv.zoo.zoo import Zoo
from tests.second_device.comparison import agree


def test_models_are_copied_to_a_device_that_is_named(device: torch.device, zoo: Zoo) -> None:
    images, labels = lit_adv.digits(per_class=1)
    models = [spec.load().double() for spec in zoo.sources[:2]]
    options = {"copies": 2, "sigma": 0.2, "fast": False}
    attack = lit_adv.Gradient()
    here = lit_adv.average(models, images.double(), labels, attack, **options)  # type: ignore[arg-type]
    there = lit_adv.average(models, images.double(), labels, attack, device=device, **options)  # type: ignore[arg-type]
    assert {p.device.type for model in models for p in model.parameters()} == {"cpu"}
    assert there.manifest.device == device.type
    assert there.perturbation.device.type == "cpu"
    assert agree(there.perturbation, here.perturbation, device)


def test_models_are_attacked_where_they_are(device: torch.device, zoo: Zoo) -> None:
    images, labels = lit_adv.digits(per_class=1)
    model = zoo.sources[0].load().double()
    moved = deepcopy(model).to(device)
    here = lit_adv.average(model, images.double(), labels, lit_adv.Gradient())
    there = lit_adv.average(moved, images.double(), labels, lit_adv.Gradient())
    assert agree(there.perturbation, here.perturbation, device)
    judge = zoo.judges[0].load().to(device)
    found = lit_adv.evaluate(there, {"there": judge, "here": zoo.judges[0]})
    assert found.judges["there"].clean == found.judges["here"].clean
