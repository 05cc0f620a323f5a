"""The manifest of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, Self

import lit_adv
from lit_adv.data_sets import DATA_SETS, DataSet, own_images
from lit_adv.errors import InputError
from lit_adv.files import read_json, write_json
from lit_adv.perturbations.source_records import MissingRecord, SourceRecord

Weight = Literal["none", "norm"]
"""How perturbations are weighted in an average: as they are (Eq. 4.1), or each scaled to the same L2 norm."""
PACKAGES: Final = ("lit-adv", "torch", "pytorch-lightning", "numpy")
"""Packages that results depend on."""
LEFT_OUT: Final = {
    "fraction_bits": 40, "weight": "none", "groups": 1, "growth": False, "until": None, "device": "", "torch": "",
    "arithmetic": {}, "threads": 0, "sums": None, "missing": [], "zeros": None, "reliability": None, "versions": {},
    "sha256": "",
}  # fmt: skip
"""Values that `manifest.json` does not hold: they say nothing, or nothing new."""


def versions() -> dict[str, str]:
    """The version of each of `PACKAGES`."""
    return {"lit-adv": lit_adv.__version__, **{name: version(name) for name in PACKAGES[1:]}}


def setting(models: int, sigma: float) -> str:
    """SM, NSM, MM or NMM (thesis 4.6.2) from the number of source models and the noise."""
    return ("N" if sigma > 0 else "") + ("MM" if models > 1 else "SM")


@dataclass(frozen=True)
class AttackRecord:
    """An attack: its class and parameters.

    Attributes:
        name: the class, such as `BIM`.
        parameters: by name, in the order of the class.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataRecord:
    """A data set and the images chosen from it.

    Attributes:
        name: the key in `DATA_SETS`, or `images` for own images, whose details say what they are, see `own_images`.
        details: whatever else the data module says of its selection, such as `source`, `files` or `targets`.
        images: the images' indices in the data set.
        sha256: of the images' and labels' bytes.
    """

    name: str
    details: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[int, ...] = ()
    sha256: str = ""

    @cached_property
    def data_set(self) -> DataSet:
        """The data set.

        Raises:
            InputError: it is unknown, or own images are not described.
        """
        if self.name in DATA_SETS:
            return DATA_SETS[self.name]
        try:
            return own_images(*(self.details[key] for key in ("image_shape", "classes", "mean", "std")))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"data set {self.name!r} is unknown to this version of lit-adv") from error

    @property
    def files(self) -> tuple[str, ...]:
        """The images' file names; empty where the data set has none."""
        return tuple(self.details.get("files") or ())

    @property
    def targeted(self) -> bool:
        """Whether the images have target classes."""
        return bool(self.details.get("targets"))

    def subset(self, index: list[int]) -> Self:
        """The record of the images at positions `index`."""
        details = {**self.details, "files": [self.files[i] for i in index]} if self.files else self.details
        return replace(self, details=details, images=tuple(self.images[i] for i in index) if self.images else ())


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that a run's perturbations depend on, and what became of the run.

    The fields are the keys of `manifest.json`, in its order. A field that an older file lacks has its default.

    Attributes:
        setting: SM, NSM, MM or NMM.
        attack: the attack.
        exact: whether the models themselves were attacked, in place of their fast forms.
        precision: `float32` or `bf16`.
        fraction_bits: binary digits after the point that each perturbation kept, see `ExactMean`.
        sources: the source models averaged over.
        data: the images.
        copies: n, noisy copies of an image for each model.
        sigma: σ, the noise's standard deviation.
        seed: of the noise.
        batch_size: pairs (image, copy) in a batch.
        stacked: models that shared a batch.
        weight: how perturbations were weighted.
        groups: number of groups of source models whose sums are kept.
        growth: whether sums are kept by stretches of models and copies.
        until: of a run that stops when it is reliable enough, the `models` and `copies` that it may take, and, once it
            is finished, the `rho` that was asked for and whether it was `reached`; None of others.
        device: `cpu` or `cuda`; empty if unknown.
        torch: torch's version; empty if unknown.
        arithmetic: settings of torch that numbers depend on; empty if unknown.
        threads: torch's threads in the first process when the run ended; 0 if unknown. They do not tell runs apart.
        sums: SHA-256 of the file of sums, if there is one.
        missing: source models that failed.
        zeros: perturbations that are exactly 0, by source model, of those that have any; None if unknown.
        reliability: the average's, as JSON values, see `lit_adv.perturbations.reliability`; None if unknown.
        versions: of `PACKAGES`; of lit-adv alone until the run is finished.
        sha256: of the tensors' file; empty until the set is written.
        other: keys of newer files, by name.
    """

    setting: str
    attack: AttackRecord
    exact: bool = False
    precision: str = "float32"
    fraction_bits: int = 40
    sources: tuple[SourceRecord, ...] = ()
    data: DataRecord
    copies: int = 1
    sigma: float = 0.0
    seed: int = 0
    batch_size: int = 1
    stacked: int = 1
    weight: Weight = "none"
    groups: int = 1
    growth: bool = False
    until: Mapping[str, Any] | None = None
    device: str = ""
    torch: str = ""
    arithmetic: Mapping[str, str] = field(default_factory=dict)
    threads: int = 0
    sums: str | None = None
    missing: tuple[MissingRecord, ...] = ()
    zeros: Mapping[str, int] | None = None
    reliability: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """The manifest that JSON values stand for.

        Raises:
            InputError: a key is missing or holds another kind of value.
        """
        try:
            found = dict(content)
            if isinstance(found.get("growth"), str):  # up to version 0.3 growth alone kept sums
                found |= {"growth": True, "sums": found["growth"]}
            attack, data = dict(found.pop("attack")), dict(found.pop("data"))
            known = {f.name: found.pop(f.name) for f in fields(cls) if f.name in found and f.name != "other"}
            known |= {
                "sources": tuple(SourceRecord.from_json(source) for source in known.get("sources", ())),
                "missing": tuple(MissingRecord(**model) for model in known.get("missing", ())),
            }
            return cls(
                **known,
                attack=AttackRecord(attack.pop("name"), attack),
                data=DataRecord(
                    name=data.pop("name"),
                    images=tuple(data.pop("images", ())),
                    sha256=data.pop("sha256", ""),
                    details=data,
                ),
                other=found,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"this is no manifest of a perturbation set: {error!r}") from error

    def to_json(self) -> dict[str, Any]:
        """The JSON values of `manifest.json`, without those of `LEFT_OUT`."""
        values = {
            **{f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("other", "sha256")},
            "attack": {"name": self.attack.name, **self.attack.parameters},
            "sources": [source.to_json() for source in self.sources],
            "missing": [asdict(model) for model in self.missing],
            "data": {
                "name": self.data.name,
                **self.data.details,
                "images": list(self.data.images),
                "sha256": self.data.sha256,
            },
            **self.other,
            "sha256": self.sha256,
        }
        return {name: value for name, value in values.items() if name not in LEFT_OUT or value != LEFT_OUT[name]}

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a manifest.

        Raises:
            InputError: the file is missing or no manifest.
        """
        content = read_json(path)
        try:
            return cls.from_json(content)
        except InputError as error:
            raise InputError(f"{path}: {error}; make the set again") from error

    def save(self, path: Path) -> None:
        """Writes the manifest, atomically."""
        write_json(path, self.to_json())

    def stopped(self, taken: Sequence[int], copies: int, rho: float, reached: bool) -> Self:
        """The manifest of a run that stopped, or could have, when it was reliable enough.

        Args:
            taken: positions of the source models that it took.
            copies: noisy copies of an image for each of them.
            rho: the reliability that was asked for.
            reached: whether it was reached.
        """
        sources = tuple(self.sources[place] for place in taken)
        until = {**(self.until or {}), "rho": rho, "reached": reached}
        return replace(self, setting=setting(len(sources), self.sigma), sources=sources, copies=copies, until=until)

    def without(self, failed: Mapping[int, str]) -> Self:
        """The manifest when some source models are left out.

        Args:
            failed: positions of source models, and why they failed.
        """
        if not failed:
            return self
        kept = tuple(source for position, source in enumerate(self.sources) if position not in failed)
        missing = tuple(
            MissingRecord(self.sources[position].name, self.sources[position].checksum, position, failed[position])
            for position in sorted(failed)
        )
        return replace(self, setting=setting(len(kept), self.sigma), sources=kept, missing=missing)

    def with_missing(self) -> Self:
        """Inverse of `without`: puts failed models back in their places."""
        sources = list(self.sources)
        for model in self.missing:
            sources.insert(model.place, SourceRecord(model.name, model.checksum))
        return replace(self, setting=setting(len(sources), self.sigma), sources=tuple(sources), missing=())
