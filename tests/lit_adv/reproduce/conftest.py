"""Perturbation sets of every name, made up, so that figures are made in no time."""

import pytest
import torch

from datamodules.labelled import Labelled
from lit_adv.perturbation_set import PerturbationSet
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.material import Material
from lit_adv.zoo import Zoo

CALLED = {"bim": "BIM", "cw": "CW", "deepfool": "DeepFool", "square": "Square", "gradient": "Gradient"}
PER_CLASS = 2


def made_up(name: str, digits: Labelled, zoo: Zoo, place: int) -> PerturbationSet:
    """A set of twenty digits, or of ten for one noisy model; δ is noise."""
    setting, attack, *more = name.split("-")
    count = 1 if setting == "nsm" else PER_CLASS
    first = [(digits.test_labels == c).nonzero()[:count, 0] for c in range(10)]
    index = torch.cat(first)
    image, label = digits.test_images[index], digits.test_labels[index]
    delta = torch.randn(image.shape, generator=torch.Generator().manual_seed(place))
    manifest = {
        "setting": setting.upper(),
        "attack": {"name": CALLED[attack], "steps": 1, "clip": [0, 1] if more == ["clipped"] else None},
        "sources": [{"name": "model-001", "checksum": zoo.sources[0].checksum}],
        "data": {"name": "mnist"},
        "copies": 1,
        "sigma": float(more[1]) if more[:1] == ["sigma"] else 0.0,
        "seed": 0,
    }
    target = (label + 1) % 10 if more == ["targeted"] else None
    return PerturbationSet(
        perturbation=delta, image=image, label=label, count=torch.ones_like(label), manifest=manifest, target=target
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo, digits: Labelled) -> Material:
    out = tmp_path_factory.mktemp("reproduce")
    names = dict.fromkeys(name for entry in CATALOGUE for name in entry.sets)
    for place, name in enumerate(names):
        made_up(name, digits, zoo, place).save(out / "sets" / name)
    return Material(data="mnist", zoo=zoo.path, out=out)
