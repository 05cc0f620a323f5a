"""Averaged perturbations with their images, and the folder that they are kept in."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.files import atomic_path, expanded, sha256
from lit_adv.perturbations.cell_sums import GROWTH, SUMS, CellSums, SumsFile
from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.manifest import Manifest, setting

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
        sums: the sums of groups of source models; None if the run kept none.

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
    sums: CellSums | SumsFile | None = None

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
        manifest = replace(self.manifest, sha256=sha256(folder / TENSORS))
        if self.kept is None:
            (folder / SUMS).unlink(missing_ok=True)
        manifest = replace(manifest, sums=None if self.kept is None else self.kept.save(folder))
        (folder / GROWTH).unlink(missing_ok=True)
        manifest.save(folder / MANIFEST)

    @property
    def name(self) -> str:
        """Setting, attack, `norm` where perturbations were weighted so, `targeted` where it was: `NMM CW targeted`."""
        variant = [] if self.manifest.weight == "none" else [self.manifest.weight]
        aim = [] if self.target is None else ["targeted"]
        return " ".join([self.manifest.setting, self.manifest.attack.name, *variant, *aim])

    @cached_property
    def kept(self) -> CellSums | None:
        """The sums, read from their file if they are there.

        Raises:
            InputError: the file is missing or another one.
        """
        return self.sums.read() if isinstance(self.sums, SumsFile) else self.sums

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Positions in `manifest.sources` of each group's models; empty if there are not two groups."""
        return () if self.kept is None else self.kept.groups

    def grouped(self, rows: slice = slice(None)) -> GroupedSums:
        """Returns the sums of each group for the images in `rows`.

        Raises:
            InputError: there are not two groups.
        """
        if self.kept is None:
            raise InputError("the set keeps no groups of source models; make it again, of at least two models")
        return self.kept.grouped(rows)

    def without(self, group: int) -> "PerturbationSet":
        """Returns the average over all source models but those of a group; at no cost, for no attack is run again."""
        if self.kept is None or not self.kept.groups:
            raise InputError("the set keeps no groups of source models; make it again, of at least two models")
        mean = self.kept.without(group)
        left = set(self.kept.groups[group])
        sources = tuple(source for place, source in enumerate(self.manifest.sources) if place not in left)
        manifest = replace(
            self.manifest, sources=sources, setting=setting(len(sources), self.manifest.sigma), sums=None, sha256=""
        )
        return replace(self, perturbation=mean.mean(), count=mean.count, manifest=manifest, sums=None)

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
            sums=None if self.sums is None else self.sums.subset(index),
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
            found = cls(**load_file(path), manifest=manifest)  # type: ignore[arg-type]  # sums are no tensor
        except (SafetensorError, TypeError) as error:
            raise InputError(f"{path} is damaged: {error}; make the set again") from error
        sums = None if manifest.sums is None else SumsFile(folder, manifest.sums, manifest.seed)
        return replace(found, sums=sums)


def first_of_each_class(label: Tensor) -> Tensor:
    """Returns the position of the first image of each class, classes ascending; label `[N]`."""
    return torch.stack([(label == c).nonzero()[0, 0] for c in label.unique()])
