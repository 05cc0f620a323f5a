"""Perturbation sets of every name, made up, so that figures are made in no time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from datamodules.labelled import Labelled
from lit_adv.cli.figures import images_of
from lit_adv.data_sets import DATA_SETS
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.source_records import SourceRecord
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.judges import Judges
from lit_adv.reproduce.set_name import SetName
from lit_adv.reproduce.sets import Sets
from lit_adv.zoo.zoo import Zoo

CALLED = {"bim": "BIM", "cw": "CW", "deepfool": "DeepFool", "square": "Square", "gradient": "Gradient"}
PER_CLASS = 2


def no_set_is_made(words: Sequence[str]) -> None:
    """Stands where missing sets are made."""
    raise AssertionError(f"a set is missing: {words}")


def inputs_of(data: str, zoo: Path, out: Path, masks: Path | None = None, **options: Any) -> FigureInputs:
    """Inputs whose sets are all there; options as those of `Sets`."""
    data_set = DATA_SETS[data] if data in DATA_SETS else images_of(zoo)
    sets = Sets(data=data_set, zoo=zoo, out=out, make_set=no_set_is_made, **options)
    return FigureInputs(sets=sets, judges=Judges(zoo, data_set), masks=masks)


def made_up(
    name: SetName, images: Tensor, labels: Tensor, zoo: Zoo, seed: int, data: DataRecord | None = None
) -> PerturbationSet:
    """A set of two images a class, or of one for one noisy model; δ is noise."""
    count = 1 if name.setting == "nsm" else PER_CLASS
    index = torch.cat([(labels == c).nonzero()[:count, 0] for c in labels.unique()])
    image, label = images[index], labels[index]
    delta = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    manifest = Manifest(
        setting=name.setting.upper(),
        attack=AttackRecord(CALLED[name.attack], {"steps": 1, "clip": [0, 1] if name.clipped else None}),
        sources=tuple(SourceRecord(spec.name, spec.checksum) for spec in zoo.sources[:1]),
        data=data or DataRecord("mnist"),
        sigma=name.sigma or 0.0,
    )
    classes = label.unique()
    target = classes[(torch.searchsorted(classes, label) + 1) % len(classes)] if name.targeted else None
    return PerturbationSet(
        perturbation=delta, image=image, label=label, count=torch.ones_like(label), manifest=manifest, target=target
    )


def save(made: PerturbationSet, folder: Path) -> None:
    """Writes a set; one of many models and copies as the average of noise about it, of six models and two copies."""
    if made.manifest.setting != "NMM":
        made.save(folder)
        return
    plan = WorkPlan(models=6, images=len(made.label), copies=2, batch_size=len(made.label))
    cells = Cells(6, 2, 0, groups=3, growth=True)
    sums = RunSums(plan, tuple(made.image.shape[1:]), cells, "none", 40)
    generator = torch.Generator().manual_seed(0)
    image = torch.arange(plan.images)
    for number, (model, copy) in enumerate(torch.cartesian_prod(torch.arange(6), torch.arange(2)).tolist()):
        delta = made.perturbation + torch.randn(made.image.shape, generator=generator)
        batch = ReplicaBatch(
            number, model, 1, image, torch.full_like(image, copy), made.image, made.image, made.label, None
        )
        sums.add(batch, delta)
    kept = sums.kept(range(6))
    manifest = replace(made.manifest, groups=3, growth=True)
    replace(made, perturbation=kept.overall().mean(), manifest=manifest, sums=kept).save(folder)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, zoo: Zoo, digits: Labelled) -> FigureInputs:
    out = tmp_path_factory.mktemp("reproduce")
    names = dict.fromkeys(name for entry in CATALOGUE for name in entry.sets)
    for seed, name in enumerate(names):
        save(made_up(name, digits.test_images, digits.test_labels, zoo, seed), out / "sets" / str(name))
    return inputs_of("mnist", zoo.path, out)
