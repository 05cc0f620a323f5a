"""A set survives the way to disk and back; a damaged one is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import MANIFEST, TENSORS, PerturbationSet, first_of_each_class

DATA = DataRecord("imagenet", {"files": ["a", "b", "c", "d"], "grey": False}, images=(3, 4, 5, 6))


def small() -> PerturbationSet:
    return PerturbationSet(
        perturbation=torch.randn(4, 1, 2, 2),
        image=torch.rand(4, 1, 2, 2),
        label=torch.tensor([1, 0, 1, 2]),
        count=torch.full((4,), 6),
        manifest=Manifest(setting="NMM", attack=AttackRecord("CW"), data=DATA),
    )


def test_round_trip(tmp_path: Path) -> None:
    made = small()
    made.save(tmp_path)
    read = PerturbationSet.load(tmp_path)
    for name in ("perturbation", "image", "label", "count"):
        assert torch.equal(getattr(read, name), getattr(made, name))
    assert read.target is None
    assert read.manifest.setting == "NMM"
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, TENSORS]


def test_damage_is_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished perturbation set"):
        PerturbationSet.load(tmp_path)
    small().save(tmp_path)
    (tmp_path / TENSORS).write_bytes(b"x")
    with pytest.raises(InputError, match="not the file"):
        PerturbationSet.load(tmp_path)


def test_subset() -> None:
    total = replace(small(), target=torch.tensor([5, 6, 7, 8]))
    subset = total.subset(torch.tensor([2, 0]))
    for name in ("perturbation", "image", "label", "count", "target"):
        assert torch.equal(getattr(subset, name), getattr(total, name)[[2, 0]])
    assert subset.manifest == replace(
        total.manifest, data=DataRecord("imagenet", {"files": ["c", "a"], "grey": False}, images=(5, 3))
    )


def test_names_and_classes() -> None:
    untargeted = small()
    assert (untargeted.name, untargeted.classes.tolist()) == ("NMM CW", [0, 1, 2])
    assert torch.equal(untargeted.wanted, untargeted.label)
    targeted = replace(untargeted, target=torch.tensor([2, 5, 5, 0]))
    assert (targeted.name, targeted.classes.tolist()) == ("NMM CW targeted", [0, 1, 2, 5])
    assert torch.equal(targeted.wanted, torch.tensor([2, 5, 5, 0]))


def test_first_of_each_class() -> None:
    assert first_of_each_class(small().label).tolist() == [1, 0, 3]
