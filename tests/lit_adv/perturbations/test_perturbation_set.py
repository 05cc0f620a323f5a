"""A set survives the way to disk and back; a damaged one is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import MANIFEST, TENSORS, PerturbationSet, first_of_each_class


def small() -> PerturbationSet:
    return PerturbationSet(
        perturbation=torch.randn(4, 1, 2, 2),
        image=torch.rand(4, 1, 2, 2),
        label=torch.tensor([1, 0, 1, 2]),
        count=torch.full((4,), 6),
        manifest={"setting": "NMM"},
    )


def test_round_trip(tmp_path: Path) -> None:
    made = small()
    made.save(tmp_path)
    read = PerturbationSet.load(tmp_path)
    for name in ("perturbation", "image", "label", "count"):
        assert torch.equal(getattr(read, name), getattr(made, name))
    assert read.target is None
    assert read.manifest["setting"] == "NMM"
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, TENSORS]


def test_damage_is_found(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished perturbation set"):
        PerturbationSet.load(tmp_path)
    small().save(tmp_path)
    (tmp_path / TENSORS).write_bytes(b"x")
    with pytest.raises(InputError, match="not the file"):
        PerturbationSet.load(tmp_path)


def test_part() -> None:
    manifest = {"data": {"name": "imagenet", "images": [3, 4, 5, 6], "files": ["a", "b", "c", "d"]}}
    whole = replace(small(), manifest=manifest, target=torch.tensor([5, 6, 7, 8]))
    part = whole.part(torch.tensor([2, 0]))
    for name in ("perturbation", "image", "label", "count", "target"):
        assert torch.equal(getattr(part, name), getattr(whole, name)[[2, 0]])
    assert part.manifest == {"data": {"name": "imagenet", "images": [5, 3], "files": ["c", "a"]}}


def test_first_of_each_class() -> None:
    assert first_of_each_class(small().label).tolist() == [1, 0, 3]
