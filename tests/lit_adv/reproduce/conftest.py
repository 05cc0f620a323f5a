"""Perturbation sets of every name, made up, so that figures are made in no time."""

import pytest
import torch
from torch import Tensor

from datamodules.labelled import Labelled
from lit_adv.perturbation_set import PerturbationSet
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.material import Material
from lit_adv.zoo import Zoo

CALLED = {"bim": "BIM", "cw": "CW", "deepfool": "DeepFool", "square": "Square", "gradient": "Gradient"}
PER_CLASS = 2


def made_up(
    name: str, images: Tensor, labels: Tensor, zoo: Zoo, place: int, data: dict[str, object] | None = None
) -> PerturbationSet:
    """A set of two images a class, or of one for one noisy model; δ is noise."""
    setting, attack, *more = name.split("-")
    count = 1 if setting == "nsm" else PER_CLASS
    index = torch.cat([(labels == c).nonzero()[:count, 0] for c in labels.unique()])
    image, label = images[index], labels[index]
    delta = torch.randn(image.shape, generator=torch.Generator().manual_seed(place))
    manifest = {
        "setting": setting.upper(),
        "attack": {"name": CALLED[attack], "steps": 1, "clip": [0, 1] if more == ["clipped"] else None},
        "sources": [{"name": spec.name, "checksum": spec.checksum} for spec in zoo.sources[:1]],
        "data": data or {"name": "mnist"},
        "copies": 1,
        "sigma": float(more[1]) if more[:1] == ["sigma"] else 0.0,
        "seed": 0,
    }
    classes = label.unique()
    target = classes[(torch.searchsorted(classes, label) + 1) % len(classes)] if more == ["targeted"] else None
    return PerturbationSet(
        perturbation=delta, image=image, label=label, count=torch.ones_like(label), manifest=manifest, target=target
    )


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo, digits: Labelled) -> Material:
    out = tmp_path_factory.mktemp("reproduce")
    names = dict.fromkeys(name for entry in CATALOGUE for name in entry.sets)
    for place, name in enumerate(names):
        made_up(name, digits.test_images, digits.test_labels, zoo, place).save(out / "sets" / name)
    return Material(data="mnist", zoo=zoo.path, out=out)
