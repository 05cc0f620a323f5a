"""Averaged perturbations with their images, and the folder that they are kept in."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.files import atomic_path, expanded, sha256
from lit_adv.perturbations.manifest import Manifest

TENSORS = "perturbations.safetensors"
MANIFEST = "manifest.json"
EVALUATION = "evaluation.json"


@dataclass(frozen=True, kw_only=True, repr=False)
class PerturbationSet:
    """Averaged perturbations δ(x) of Eq. 4.1. On disk complete or absent: the manifest is written last.

    Attributes:
        perturbation: `[N, C, H, W]` float32, the averages.
        image: `[N, C, H, W]` float32 in [0, 1], the clean images.
        label: `[N]` int64, classes of the images.
        target: `[N]` int64, classes that the attack was to reach; None if it was untargeted.
        count: `[N]` int64, number of perturbations averaged: m·n.
        manifest: the run's settings, models and versions.

    Example:
        >>> from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
        >>> images = torch.zeros(2, 1, 28, 28)
        >>> found = PerturbationSet(
        ...     perturbation=images - 0.1,
        ...     image=images,
        ...     label=torch.tensor([3, 7]),
        ...     count=torch.tensor([180, 180]),
        ...     manifest=Manifest(setting="NMM", attack=AttackRecord("BIM"), data=DataRecord("mnist"), copies=20),
        ... )
        >>> found.name, found.subset(torch.tensor([1])).label
        ('NMM BIM', tensor([7]))
    """

    perturbation: Tensor
    image: Tensor
    label: Tensor
    count: Tensor
    manifest: Manifest
    target: Tensor | None = None

    def __repr__(self) -> str:
        """Says what it holds, without the numbers."""
        images, shape = len(self.label), list(self.image.shape[1:])
        counts = sorted({int(count) for count in self.count})
        numbers = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        each = f"{numbers} perturbation{'s' if counts != [1] else ''} each"
        return f"PerturbationSet({self.name}: {images} images {shape}, {each})"

    def save(self, folder: Path | str) -> None:
        """Writes the set into `folder`.

        Raises:
            InputError: the folder cannot be written.
        """
        folder = expanded(folder)
        tensors = {name: getattr(self, name) for name in ("perturbation", "image", "label", "target", "count")}
        with atomic_path(folder / TENSORS) as temporary:
            save_file({name: t.contiguous() for name, t in tensors.items() if t is not None}, temporary)
        replace(self.manifest, sha256=sha256(folder / TENSORS)).save(folder / MANIFEST)

    @property
    def name(self) -> str:
        """Setting, attack, and `targeted` where it was, such as `NMM CW targeted`."""
        words = [self.manifest.setting, self.manifest.attack.name, *(["targeted"] if self.target is not None else [])]
        return " ".join(words)

    @property
    def data_set(self) -> DataSet:
        """The data set of the images."""
        return self.manifest.data.data_set

    @property
    def wanted(self) -> Tensor:
        """The class `[N]` that a judge should see in each perturbation: the target, or untargeted the label."""
        return self.label if self.target is None else self.target

    @property
    def classes(self) -> Tensor:
        """Classes `[K]` of the set, ascending: all labels and targets."""
        found: Tensor = torch.cat([self.label, self.wanted]).unique()
        return found

    def subset(self, index: Tensor) -> "PerturbationSet":
        """Returns the set of the images at positions `index` `[n]`."""
        return replace(
            self,
            perturbation=self.perturbation[index],
            image=self.image[index],
            label=self.label[index],
            count=self.count[index],
            target=None if self.target is None else self.target[index],
            manifest=replace(self.manifest, data=self.manifest.data.subset(index.tolist())),
        )

    @classmethod
    def load(cls, folder: Path | str) -> "PerturbationSet":
        """Reads a finished set.

        Raises:
            InputError: `folder` holds none, or it is damaged.
        """
        folder = expanded(folder)
        if not (folder / MANIFEST).is_file():
            raise InputError(f"no finished perturbation set in {folder}; make one with lit-adv predict --out {folder}")
        manifest = Manifest.load(folder / MANIFEST)
        path = folder / TENSORS
        if not path.is_file() or sha256(path) != manifest.sha256:
            raise InputError(f"{path} is missing or not the file that {MANIFEST} names; make the set again")
        try:
            return cls(**load_file(path), manifest=manifest)
        except (SafetensorError, TypeError) as error:
            raise InputError(f"{path} is damaged: {error}; make the set again") from error


def first_of_each_class(label: Tensor) -> Tensor:
    """Returns the position of the first image of each class, classes ascending; label `[N]`."""
    return torch.stack([(label == c).nonzero()[0, 0] for c in label.unique()])
