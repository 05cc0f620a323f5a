"""Perturbation sets of every name, made up, so that figures are made in no time."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from datamodules.labelled import Labelled
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.growth import Cells, Growth
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest, SourceRecord
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.material import Material
from lit_adv.zoo.zoo import Zoo

CALLED = {"bim": "BIM", "cw": "CW", "deepfool": "DeepFool", "square": "Square", "gradient": "Gradient"}
PER_CLASS = 2


def made_up(
    name: str, images: Tensor, labels: Tensor, zoo: Zoo, place: int, data: DataRecord | None = None
) -> PerturbationSet:
    """A set of two images a class, or of one for one noisy model; δ is noise."""
    setting, attack, *more = name.split("-")
    count = 1 if setting == "nsm" else PER_CLASS
    index = torch.cat([(labels == c).nonzero()[:count, 0] for c in labels.unique()])
    image, label = images[index], labels[index]
    delta = torch.randn(image.shape, generator=torch.Generator().manual_seed(place))
    manifest = Manifest(
        setting=setting.upper(),
        attack=AttackRecord(CALLED[attack], {"steps": 1, "clip": [0, 1] if more == ["clipped"] else None}),
        sources=tuple(SourceRecord(spec.name, spec.checksum) for spec in zoo.sources[:1]),
        data=data or DataRecord("mnist"),
        sigma=float(more[1]) if more[:1] == ["sigma"] else 0.0,
    )
    classes = label.unique()
    target = classes[(torch.searchsorted(classes, label) + 1) % len(classes)] if more == ["targeted"] else None
    return PerturbationSet(
        perturbation=delta, image=image, label=label, count=torch.ones_like(label), manifest=manifest, target=target
    )


def save(made: PerturbationSet, folder: Path) -> None:
    """Writes a set; one of many models and copies as the average of noise about it, of six models and two copies."""
    if made.manifest.setting != "NMM":
        made.save(folder)
        return
    cells = Cells(6, 2, 0)
    images = len(made.label)
    mean = ExactMean((len(cells) * images, *made.image.shape[1:]), 12)
    generator = torch.Generator().manual_seed(0)
    for model, copy in torch.cartesian_prod(torch.arange(6), torch.arange(2)):
        delta = made.perturbation + torch.randn(made.image.shape, generator=generator)
        mean.add(cells.cell(model, copy) * images + torch.arange(images), delta)
    growth = Growth.of(cells, mean)
    manifest = replace(made.manifest, growth=growth.save(folder))
    replace(made, perturbation=growth.whole().mean(), manifest=manifest).save(folder)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo, digits: Labelled) -> Material:
    out = tmp_path_factory.mktemp("reproduce")
    names = dict.fromkeys(name for entry in CATALOGUE for name in entry.sets)
    for place, name in enumerate(names):
        save(made_up(name, digits.test_images, digits.test_labels, zoo, place), out / "sets" / name)
    return Material(data="mnist", zoo=zoo.path, out=out)
