"""Perturbation sets by name: found in their folders, refused if they are others, or made."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lit_adv.configs import STEPS_PARAMETERS
from lit_adv.data_sets import IMAGES, DataSet
from lit_adv.errors import InputError
from lit_adv.files import expanded, read_json
from lit_adv.perturbations.perturbation_set import MANIFEST, PerturbationSet
from lit_adv.reproduce.set_name import SetName
from lit_adv.zoo.zoo import Zoo

TOP_K: Final = 10
"""Classes that DeepFool looks at on ImageNet, and so on own images, which may have fewer."""
MakeSet = Callable[[Sequence[str]], None]
"""Makes a set from the words after `predict`.

Raises:
    InputError: that fails.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sets:
    """Perturbation sets in `out/sets/NAME`; those that are missing are made.

    Attributes:
        data: the data set.
        zoo: the zoo's folder, file or name.
        out: folder of sets and figures.
        make_set: makes a missing set.
        words: further words for each `predict`.
        steps: steps or queries of an attack, by its name, in place of the configuration's.
        fast: whether few noisy copies do.
        devices: processes of each `predict`.
        growth: names of the sets that are made with `--growth`.
    """

    data: DataSet
    zoo: Path
    out: Path
    make_set: MakeSet
    words: Sequence[str] = ()
    steps: Mapping[str, int] = field(default_factory=dict)
    fast: bool = False
    devices: int = 1
    growth: Collection[SetName] = ()

    def folder(self, name: SetName) -> Path:
        """Returns a set's folder."""
        return self.out / "sets" / str(name)

    def is_finished(self, name: SetName) -> bool:
        """Returns whether a set is there."""
        return (self.folder(name) / MANIFEST).is_file()

    def lacks_growth(self, name: SetName) -> bool:
        """Returns whether a set was made, or begun, without `--growth`."""
        for path in (self.folder(name) / MANIFEST, self.folder(name) / "partial" / "run.json"):
            if path.is_file():
                return not read_json(path).get("growth")
        return False

    def lacks_groups(self, name: SetName) -> bool:
        """Returns whether a set was made without sums of groups of source models."""
        if not self.is_finished(name):
            return False
        manifest = read_json(self.folder(name) / MANIFEST)
        return not manifest.get("sums") or manifest.get("groups", 1) < 2

    def load(self, name: SetName, zoo: Zoo) -> PerturbationSet:
        """Reads a set, whatever its parameters; makes, or continues, one that is not finished.

        Raises:
            InputError: it cannot be made, another set is in its folder, or `zoo` has not the set's source models.
        """
        folder = self.folder(name)
        if not self.is_finished(name):
            self.make_set([*self.words_of(name), "--out", str(folder)])
        perturbations = PerturbationSet.load(folder)
        refuse_other(perturbations, name, self.data, folder)
        refuse_strangers(perturbations, zoo, folder)
        return perturbations

    def words_of(self, name: SetName) -> list[str]:
        """Returns the words after `predict` that make a set, but for its folder."""
        words = ["--config", f"{self.data.name}-{name.stem}", "--zoo", str(self.zoo)]
        few = name.setting == "sm" or (name.setting == "nsm" and self.fast)  # batches: each process needs one
        words += ["--trainer.devices", "1" if few else str(self.devices)]
        if name.attack in self.steps:
            words += [f"--model.attack.{STEPS_PARAMETERS[name.attack]}", str(self.steps[name.attack])]
        if name.attack == "deepfool" and self.data.name == IMAGES and self.data.classes < TOP_K:
            words += ["--model.attack.top_k", str(self.data.classes)]
        if self.fast and name.setting in ("nsm", "nmm"):
            words += ["--data.copies", "20" if name.setting == "nsm" else "5"]
            if self.data.fast_sigma is not None:
                words += ["--data.sigma", str(self.data.fast_sigma)]
        words += ["--growth"] if name in self.growth else []
        words += self.words
        if not name.targeted and self.names("--data.targets"):
            words += ["--data.targets", "null"]
        if name.setting in ("sm", "mm"):
            words += ["--data.copies", "1", "--data.sigma", "0"]
        if name.setting == "nsm":
            words += ["--data.per_class", "1"]
        if name.clipped:
            words += ["--model.attack.clip", "[0, 1]"]
        if name.sigma is not None:
            words += ["--data.sigma", f"{name.sigma:g}"]
        return words

    def image_folder(self) -> Path:
        """Returns the folder of the user's photographs: the one that the words name, or the data set's."""
        return expanded((self.data.photographs or Path(), *map(Path, self.names("--data.root")))[-1])

    def has_targets(self) -> bool:
        """Returns whether the words name target classes, or a file that may have some."""
        return bool(self.names("--data.targets") or self.names("--data.labels"))

    def names(self, option: str) -> list[str]:
        """Returns the values that the words give an option."""
        found = []
        for position, word in enumerate(self.words):
            if word == option and position + 1 < len(self.words):
                found.append(self.words[position + 1])
            if word.startswith(f"{option}="):
                found.append(word.removeprefix(f"{option}="))
        return found


def refuse_other(perturbations: PerturbationSet, name: SetName, data: DataSet, folder: Path) -> None:
    """Checks that a set is the one of its name, whatever its parameters, the perturbations' weight among them.

    Raises:
        InputError: it is not.
    """
    manifest = perturbations.manifest
    found = f"{manifest.data.name} {perturbations.name}".lower()
    clipped = manifest.attack.parameters.get("clip") is not None
    same = (
        found.replace(f" {manifest.weight}", "") == f"{data.name}-{name.stem}".replace("-", " ")
        and clipped == name.clipped
    )
    if not same or (name.sigma is not None and manifest.sigma != name.sigma):
        raise InputError(f"{folder} holds another set ({found}); delete it or choose another --out")


def refuse_strangers(perturbations: PerturbationSet, zoo: Zoo, folder: Path) -> None:
    """Checks that a zoo has a set's source models: others could be the zoo's judges under other names.

    Raises:
        InputError: it has not.
    """
    known = {spec.checksum for spec in zoo.models}
    for source in perturbations.manifest.sources:
        if source.checksum not in known:
            raise InputError(
                f"{folder} was made with models that zoo {zoo.path} has not, such as {source.name}; "
                "delete it or choose another --out"
            )


def described(name: SetName, perturbations: PerturbationSet) -> dict[str, Any]:
    """Returns the row about a set that stands in the page."""
    manifest = perturbations.manifest
    parameters = [f"{key} {value}" for key, value in manifest.attack.parameters.items() if value is not None]
    weight = [] if manifest.weight == "none" else [f"weight {manifest.weight}"]
    return {
        "set": str(name),
        "images": len(perturbations.label),
        "of": " ".join(filter(None, (manifest.data.name, manifest.data.details.get("source")))),
        "models (m)": len(manifest.sources),
        "copies (n)": manifest.copies,
        "σ": manifest.sigma,
        "attack": ", ".join([manifest.attack.name, *parameters, *weight]),
        "seed": manifest.seed,
    }
