"""Test models of a zoo, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.evaluation.crossing import judges_of_each_other
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.judge import judge_says
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.rules import BATCH_SIZE, Rules, judge_logits
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import ZOOS, Zoo


@dataclass(frozen=True, eq=False)
class Judges:
    """The test models of a zoo, which is opened, and loaded, when first asked for.

    Attributes:
        path: the zoo's folder, file or name.
        data: the data set of its images.
        trust: packages of the user's own whose code may run.
    """

    path: Path
    data: DataSet
    trust: tuple[str, ...] = ()

    @cached_property
    def zoo(self) -> Zoo:
        """The zoo.

        Raises:
            InputError: there is none, or it takes other images.
        """
        packaged = (ZOOS / f"{self.data.name}.yaml").is_file()
        if self.path == Path(self.data.name) and not self.path.is_dir() and not packaged:
            raise InputError(f"there is no packaged zoo for {self.data.name}; give --zoo, or --fast")
        zoo = Zoo.open(self.path, self.trust)
        for spec in zoo.models:
            if spec.image_shape != self.data.image_shape:
                images = f"images {list(spec.image_shape)}, not those of {self.data.name}"
                raise InputError(f"zoo {self.path} takes {images}")
        return zoo

    @cached_property
    def models(self) -> Mapping[str, Model]:
        """The models by name; they give logits on the CPU, wherever they are computed."""
        return {spec.name: _loaded(spec) for spec in self.zoo.judges}

    def others(self, perturbations: PerturbationSet) -> Mapping[str, ModelSpec]:
        """Returns the zoo's source models that judge each other on a set, by name; those that are on this machine."""
        return {spec.name: spec for spec in judges_of_each_other(self.zoo.sources, perturbations)}

    @property
    def checksums(self) -> dict[str, str]:
        """Checksums of the models' weights, by name."""
        return {spec.name: spec.checksum for spec in self.zoo.judges}

    def is_white_box(self, perturbations: PerturbationSet, judge: str) -> bool:
        """Returns whether a test model is among the source models of a set."""
        return self.checksums[judge] in {source.checksum for source in perturbations.manifest.sources}

    def logits(self, perturbations: PerturbationSet) -> dict[str, Tensor]:
        """Returns each model's logits `[N, K]` for a set's perturbations alone (Table 4.3)."""
        rules = Rules.of(perturbations, perturbations.data_set.epsilon)
        return {
            judge: judge_logits(model, perturbations, "recognized", rules, BATCH_SIZE, name=judge)
            for judge, model in self.models.items()
        }

    def answers(self, perturbations: PerturbationSet) -> dict[str, Tensor]:
        """Returns the classes `[N]` that each model gives a set's perturbations, by the rules of Table 4.3."""
        rules = Rules.of(perturbations, perturbations.data_set.epsilon)
        return {judge: rules.answer("recognized", found) for judge, found in self.logits(perturbations).items()}

    def seen(self, images: Tensor) -> dict[str, list[int]]:
        """Returns the classes that each model gives images `[N, C, H, W]`."""
        return {
            judge: [c for part in images.split(BATCH_SIZE) for c in judge_says(model, part, judge).argmax(1).tolist()]
            for judge, model in self.models.items()
        }

    def evaluate(self, perturbations: PerturbationSet) -> Evaluation:
        """Returns a set's evaluation, the one that `lit-adv test` makes."""
        others = self.others(perturbations)
        checksums = {name: spec.checksum for name, spec in others.items()} | self.checksums
        return evaluate(
            perturbations, {**self.models, **others}, checksums=checksums, cross=set(others), device=device()
        )

    def made(self, evaluation: Evaluation, perturbations: PerturbationSet) -> bool:
        """Returns whether a file's evaluation is of this set, by these judges, and complete."""
        known = {name: judge.checksum for name, judge in evaluation.judges.items()}
        others = {name: spec.checksum for name, spec in self.others(perturbations).items()}
        return (
            evaluation.sha256 == perturbations.manifest.sha256
            and evaluation.epsilon == perturbations.data_set.epsilon
            and known == self.checksums | others
            and evaluation.norms is not None
        )


def device() -> torch.device:
    """Returns the device that judges compute on: the GPU or another accelerator, if there is one."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")


def _loaded(spec: ModelSpec) -> Model:
    where = device()
    model = spec.load().to(where)

    @torch.no_grad()
    def judge(images: Tensor) -> Tensor:
        logits: Tensor = model(images.to(where))
        return logits.cpu()

    return judge
