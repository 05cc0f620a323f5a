"""A set of digits that keeps groups, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.source_records import SourceRecord


@dataclass(frozen=True, kw_only=True, repr=False)
class Grouped(PerturbationSet):
    """A set whose groups' averages are given; `without` is what a set on disk gives."""

    parts: Tensor
    """`[G, N, C, H, W]`."""
    own: tuple[tuple[int, ...], ...] = ()

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        return self.own

    def without(self, group: int) -> PerturbationSet:
        others = torch.cat([self.parts[:group], self.parts[group + 1 :]]).mean(0)
        left_out = self.own[group]
        sources = tuple(one for place, one in enumerate(self.manifest.sources) if place not in left_out)
        return replace(self, perturbation=others, manifest=replace(self.manifest, sources=sources), own=())


def grouped(groups: int = 3, images: int = 40, of: int = 1) -> Grouped:
    """Noise and perturbations of noise; `of` source models in each group."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(images, 1, 28, 28, generator=generator)
    parts = torch.randn(groups, images, 1, 28, 28, generator=generator)
    sources = tuple(SourceRecord(f"s{place}", f"sha256:s{place}") for place in range(groups * of))
    return Grouped(
        perturbation=parts.mean(0),
        image=image,
        label=torch.arange(images) % 10,
        count=torch.full((images,), groups * of),
        manifest=Manifest(setting="MM", attack=AttackRecord("BIM"), data=DataRecord("mnist"), sources=sources),
        parts=parts,
        own=tuple(tuple(range(group * of, (group + 1) * of)) for group in range(groups)),
    )


def judge(seed: int) -> Callable[[Tensor], Tensor]:
    """A linear function of digits."""
    weight = torch.randn(784, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return lambda x: x.double().flatten(1) @ weight
