"""What figures are made from: perturbation sets, test models, masks."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

import torch
from rich.console import Console
from torch import Tensor

from lit_adv.data_sets import DATA_SETS, DataSet
from lit_adv.errors import InputError
from lit_adv.evaluation.evaluate import Rules, evaluate, judge_logits
from lit_adv.evaluation.masking_effect import Judge
from lit_adv.evaluation.masks import BACKGROUND, OBJECT, read_masks, stroke
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.table import print_table
from lit_adv.files import read_json
from lit_adv.perturbations.perturbation_set import EVALUATION, MANIFEST, PerturbationSet
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import ZOOS, Zoo

FAST_STEPS: Final = {"bim": 10, "cw": 30, "square": 100}
LENGTH: Final = {"bim": "steps", "cw": "steps", "deepfool": "steps", "square": "queries"}
"""The parameter that says how long an attack takes."""

BATCH: Final = 50
DEVICE: Final = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(eq=False, kw_only=True)
class Material:
    """Perturbation sets by name, made when a figure first asks for them.

    A set's name is that of its configuration without the data set (`nmm-cw-targeted`), and then perhaps `-clipped`
    (every step within [0, 1]) or `-sigma-S` (the noise of NSM).

    Attributes:
        data: the data set.
        zoo: the zoo's folder, file or name.
        out: everything is kept here; the sets in `sets/NAME`.
        words: further words for every `predict`.
        masks: folder of the images' masks; not needed for MNIST.
        steps: of an attack, by its name, in place of the configuration's.
        fast: few noisy copies.
        devices: processes of every `predict`.
        growth: names of sets that are made so that they tell how their averages grow.
    """

    data: str
    zoo: Path
    out: Path
    words: Sequence[str] = ()
    masks: Path | None = None
    steps: Mapping[str, int] = field(default_factory=dict)
    fast: bool = False
    devices: int = 1
    growth: Collection[str] = ()
    _sets: dict[str, PerturbationSet] = field(default_factory=dict)
    _answers: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    @property
    def data_set(self) -> DataSet:
        """What pictures must know of it."""
        return DATA_SETS[self.data]

    def folder(self, name: str) -> Path:
        """Where a set is."""
        return self.out / "sets" / name

    def has(self, name: str) -> bool:
        """Whether a set is finished."""
        return (self.folder(name) / MANIFEST).is_file()

    def lacks_growth(self, name: str) -> bool:
        """Whether a set was made, or begun, without `--growth`."""
        for path in (self.folder(name) / MANIFEST, self.folder(name) / "partial" / "run.json"):
            if path.is_file():
                return not read_json(path).get("growth")
        return False

    def set(self, name: str) -> PerturbationSet:
        """A set: that which is there, whatever its parameters; made, or continued, if it is not finished.

        Raises:
            InputError: it cannot be made (the command has said why), or another set is in its folder.
        """
        if name not in self._sets:
            there = self.has(name)
            if not there:
                self._predict(*self.words_of(name), "--out", str(self.folder(name)))
            made = PerturbationSet.load(self.folder(name))
            self._refuse_other(name, made)
            self._sets[name] = made
            if there:
                about = [f"{key} {value}" for key, value in described(name, made).items() if key != "set"]
                print(f"{self.folder(name)} is used as it is: {', '.join(about)}")
        return self._sets[name]

    def words_of(self, name: str) -> list[str]:
        """The words after `predict` that make a set, but for its folder."""
        setting, attack, *more = name.split("-")
        targeted = "-targeted" if more == ["targeted"] else ""
        words = ["--config", f"{self.data}-{setting}-{attack}{targeted}", "--zoo", str(self.zoo)]
        few = setting == "sm" or (setting == "nsm" and self.fast)  # batches: each process needs one
        words += ["--trainer.devices", "1" if few else str(self.devices)]
        if attack in self.steps:
            words += [f"--model.attack.{LENGTH[attack]}", str(self.steps[attack])]
        if self.fast and setting in ("nsm", "nmm"):
            words += ["--data.copies", "20" if setting == "nsm" else "5"]
            if self.data_set.fast_sigma is not None:
                words += ["--data.sigma", str(self.data_set.fast_sigma)]
        words += ["--growth"] if name in self.growth else []
        words += self.words
        if setting in ("sm", "mm"):
            words += ["--data.copies", "1", "--data.sigma", "0"]
        if setting == "nsm":
            words += ["--data.per_class", "1"]
        if more == ["clipped"]:
            words += ["--model.attack.clip", "[0, 1]"]
        if more[:1] == ["sigma"]:
            words += ["--data.sigma", more[1]]
        return words

    def _refuse_other(self, name: str, made: PerturbationSet) -> None:
        setting, attack, *more = name.split("-")
        manifest = made.manifest
        found = [manifest.data.name, *made.name.lower().split()]
        wanted = [self.data, setting, attack, *(["targeted"] if more == ["targeted"] else [])]
        same = found == wanted and (manifest.attack.parameters.get("clip") is not None) == (more == ["clipped"])
        if not same or (more[:1] == ["sigma"] and manifest.sigma != float(more[1])):
            raise InputError(
                f"{self.folder(name)} holds another set ({' '.join(found)}); delete it or choose another --out"
            )
        strangers = {source.checksum: source.name for source in manifest.sources}
        for spec in self.models.models:
            strangers.pop(spec.checksum, None)
        if strangers:
            raise InputError(
                f"{self.folder(name)} was made with models that zoo {self.zoo} has not, such as "
                f"{next(iter(strangers.values()))}; delete it or choose another --out"
            )

    def all_of(self, names: Sequence[str]) -> list[PerturbationSet]:
        """Several sets; see `set`."""
        return [self.set(name) for name in names]

    def evaluation(self, name: str) -> Evaluation:
        """A set's evaluation by the zoo's test models; made if it is missing."""
        made, path = self.set(name), self.folder(name) / EVALUATION
        if path.is_file() and self._fits(found := Evaluation.load(path), made):
            return found
        checksums = {spec.name: spec.checksum for spec in self.models.judges}
        evaluation = evaluate(made, self.judges, epsilon=self.epsilon, checksums=checksums, device=DEVICE)
        evaluation.save(path)
        print_table(evaluation)
        return evaluation

    def _fits(self, evaluation: Evaluation, made: PerturbationSet) -> bool:
        judges = {name: judge.checksum for name, judge in evaluation.judges.items()}
        return (
            evaluation.sha256 == made.manifest.sha256
            and evaluation.epsilon == self.epsilon
            and judges == {spec.name: spec.checksum for spec in self.models.judges}
            and evaluation.empty is not None
        )

    @cached_property
    def models(self) -> Zoo:
        """The zoo.

        Raises:
            InputError: there is none, or it takes other images.
        """
        packaged = (ZOOS / f"{self.data}.yaml").is_file()
        if self.zoo == Path(self.data) and not self.zoo.is_dir() and not packaged:
            raise InputError(f"there is no packaged zoo for {self.data}; give --zoo, or --fast")
        zoo = Zoo.open(self.zoo)
        for spec in zoo.models:
            if spec.image_shape != self.data_set.image_shape:
                raise InputError(f"zoo {self.zoo} takes images {list(spec.image_shape)}, not those of {self.data}")
        return zoo

    @property
    def epsilon(self) -> float:
        """ε of Eq. 4.3 for this data set."""
        return self.data_set.epsilon

    @cached_property
    def judges(self) -> dict[str, Judge]:
        """The zoo's test models."""
        return {spec.name: _judge(spec) for spec in self.models.judges}

    def is_white_box(self, made: PerturbationSet, judge: str) -> bool:
        """Whether a test model is among those that gave the perturbations."""
        [spec] = self.models.named([judge])
        return spec.checksum in {source.checksum for source in made.manifest.sources}

    def logits(self, made: PerturbationSet) -> dict[str, Tensor]:
        """What each test model says of a set's perturbations when it sees nothing else (Table 4.3): logits `[N, K]`."""
        rules = Rules.of(made, self.epsilon)
        return {judge: judge_logits(model, made, "recognized", rules, BATCH) for judge, model in self.judges.items()}

    def answers_to(self, made: PerturbationSet) -> dict[str, Tensor]:
        """The classes `[N]` that the test models give a set's perturbations, on ImageNet among those of the set."""
        rules = Rules.of(made, self.epsilon)
        return {judge: rules.answer("recognized", found) for judge, found in self.logits(made).items()}

    def answers(self, name: str) -> dict[str, Tensor]:
        """`answers_to` a set, found once."""
        if name not in self._answers:
            self._answers[name] = self.answers_to(self.set(name))
        return self._answers[name]

    def seen(self, images: Tensor) -> dict[str, list[str]]:
        """What each test model sees in images `[N, C, H, W]`: names of classes."""
        called = self.data_set.class_names()
        return {
            name: [called[c] for part in images.split(BATCH) for c in judge(part).argmax(1).tolist()]
            for name, judge in self.judges.items()
        }

    def masked(self, made: PerturbationSet) -> tuple[Tensor, Tensor]:
        """Positions `[n]` of those images of a set whose mask has both object and background; masks `[n, H, W]` int8.

        Raises:
            InputError: there is no such image.
        """
        if self.data_set.object_from == "ink":
            place, mask = torch.arange(len(made.label)), stroke(made.image)
        else:
            assert self.masks is not None
            found = read_masks(made.manifest.data.files, self.image_folder(), self.masks)
            place, mask = torch.tensor(list(found)), torch.stack(list(found.values()))
        both = torch.stack([(mask == part).any(2).any(1) for part in (OBJECT, BACKGROUND)]).all(0)
        if not both.any():
            raise InputError("no image of the set has a mask with both object and background")
        return place[both], mask[both]

    def image_folder(self) -> Path:
        """Where ImageNet's photographs are: what the words say, or the configuration."""
        folder = self.data_set.photographs or Path()
        for place, word in enumerate(self.words):
            if word == "--data.root" and place + 1 < len(self.words):
                folder = Path(self.words[place + 1])
            if word.startswith("--data.root="):
                folder = Path(word.removeprefix("--data.root="))
        return folder

    def _predict(self, *words: str) -> None:
        # A process of its own: with several devices Lightning starts the command line again.
        command = ["lit-adv", "predict", *words]
        Console(stderr=True).print(shlex.join(command), style="dim", highlight=False, soft_wrap=True)
        code = run_to_its_end([sys.executable, "-m", "lit_adv", *command[1:]])
        if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            raise SystemExit(code)
        if code:
            raise InputError(f"this ended with exit code {code}: {shlex.join(command)}")


@cache
def common(material: Material, names: tuple[str, ...]) -> Material:
    """The same with only those images that all of these sets have; itself where they have all in common.

    Raises:
        InputError: they have none in common.
    """
    sets = material.all_of(names)
    if all(torch.equal(one.image, sets[0].image) for one in sets):
        return material
    places = [{image.numpy().tobytes(): place for place, image in enumerate(one.image)} for one in sets]
    shared = [image for image in places[0] if all(image in place for place in places)]
    if not shared:
        raise InputError(f"the sets {', '.join(names)} in {material.out / 'sets'} have no image in common; delete some")
    parts = {
        name: one.subset(torch.tensor([place[image] for image in shared]))
        for name, one, place in zip(names, sets, places, strict=True)
    }
    less = replace(material, _sets=parts, _answers={})
    loaded = ("models", "judges")
    less.__dict__.update({name: material.__dict__[name] for name in loaded if name in material.__dict__})
    return less


def run_to_its_end(command: Sequence[str]) -> int:
    """Runs a command and gives its exit code; on SIGINT, which it gets too, and SIGTERM, lets it save and end."""
    with subprocess.Popen(command) as child:
        before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            while True:
                try:
                    return child.wait()
                except KeyboardInterrupt:
                    continue
        finally:
            signal.signal(signal.SIGTERM, before)


def described(name: str, made: PerturbationSet) -> dict[str, Any]:
    """A row about a set."""
    manifest = made.manifest
    parameters = ((key, value) for key, value in manifest.attack.parameters.items() if value is not None)
    return {
        "set": name,
        "images": len(made.label),
        "of": " ".join(filter(None, (manifest.data.name, manifest.data.details.get("source")))),
        "models (m)": len(manifest.sources),
        "copies (n)": manifest.copies,
        "σ": manifest.sigma,
        "attack": ", ".join([manifest.attack.name, *(f"{key} {value}" for key, value in parameters)]),
        "seed": manifest.seed,
    }


def _judge(spec: ModelSpec) -> Judge:
    model = spec.load().to(DEVICE)

    @torch.no_grad()
    def judge(images: Tensor) -> Tensor:
        logits: Tensor = model(images.to(DEVICE))
        return logits.cpu()

    return judge
