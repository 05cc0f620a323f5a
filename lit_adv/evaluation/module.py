"""The Lightning shell that judges a perturbation set with held-out models, and with the models that made it."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lit_adv.arithmetic import arithmetic
from lit_adv.errors import InputError
from lit_adv.evaluation.answers import Answers
from lit_adv.evaluation.crossing import Crossing, fitting, judges_of_each_other, refuse_misfit
from lit_adv.evaluation.evaluate import evaluation_of
from lit_adv.evaluation.judge import check_epsilon, judge_says
from lit_adv.evaluation.judge_figures import MEASURES, Measure
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.rules import Rules
from lit_adv.perturbations.influence import in_words
from lit_adv.perturbations.noise import SEEDS
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.processes import process_number
from lit_adv.terminal import say
from lit_adv.trainer_options import refuse_options
from lit_adv.zoo.remarks import library_inputs
from lit_adv.zoo.zoo import Zoo


class EvaluationModule(pl.LightningModule):
    """Recognizability and attack strength of the perturbation set in the run's folder, by the models of a zoo.

    Prints a table and writes `evaluation.json`, an `Evaluation`, beside the set. Test models have figures of their own;
    source models judge each other, see `Crossing`.

    Args:
        zoo: the zoo's folder or file.
        epsilon: ε of Eq. 4.3, in pixel values of [0, 1]; left out, that of the set's images.
        seed: of the random noise.
        judges: the names of the models that judge; left out, the zoo's test models.
        trust: packages whose code may run, where the zoo names some.
        cross: whether the zoo's source models judge too, each an average that it did not help to make; those whose
            weights are on this machine.

    Raises:
        InputError: ε or the seed is out of range; the zoo is empty, has no one who could judge, or none of such a name.
    """

    def __init__(
        self,
        zoo: Path,
        epsilon: float | None = None,
        seed: int = 0,
        judges: list[str] | None = None,
        trust: list[str] | None = None,
        cross: bool = True,
    ) -> None:
        super().__init__()
        if epsilon is not None:
            check_epsilon(epsilon)
        if not 0 <= seed < SEEDS:
            raise InputError(f"seed is {seed}; it must be 0 or more, and below 2^128")
        opened = Zoo.open(Path(zoo), trust or ())
        if judges is None and not opened.judges and not (cross and opened.sources):
            raise InputError(f"zoo {zoo} has no test model; name judges with --model.judges")
        self.specs = opened.judges if judges is None else opened.named(judges, "test")
        named = {spec.name for spec in self.specs}
        self._others = tuple(spec for spec in opened.sources if cross and spec.name not in named)
        self._epsilon = epsilon
        self.seed = seed
        self._forget()

    @cached_property
    def perturbations(self) -> PerturbationSet:
        """The set in the run's folder."""
        return PerturbationSet.load(Path(self.trainer.default_root_dir))

    @property
    def epsilon(self) -> float:
        """ε of Eq. 4.3."""
        return self.perturbations.data_set.epsilon if self._epsilon is None else self._epsilon

    def prepare_data(self) -> None:
        """Downloads the judges' weights on one process, if there is a set for them.

        Raises:
            InputError: the trainer has an option that would change numbers unseen, there is no finished set, a judge
                takes other images or knows other classes, or its weights are no good.
        """
        refuse_options(self.trainer)
        for spec in self.specs:
            refuse_misfit(spec, self.perturbations)
        if not self.specs and not judges_of_each_other(self._others, self.perturbations):
            raise InputError(
                "nobody can judge the set: the zoo has no test model, and no source model on this machine that did not "
                "help to make it; name judges with --model.judges"
            )
        for line in library_inputs(self.specs) if process_number() == 0 else ():
            say(line)
        for spec in self.specs:
            spec.fetch()

    def setup(self, stage: str) -> None:
        """Opens the set and loads the test models that see all of it."""
        self.rules = Rules.of(self.perturbations, self.epsilon, self.seed)
        self.crossing = Crossing(self.perturbations, self.rules)
        self.whole = tuple(spec for spec in self.specs if self.crossing.sees_whole(spec))
        self.judges = nn.ModuleList(spec.load() for spec in self.whole)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses a checkpoint, whose weights would become the judges'.

        Raises:
            InputError: always.
        """
        raise InputError("a checkpoint's weights would become the judges'; leave ckpt_path out")

    def on_test_start(self) -> None:
        """Forgets the answers of an earlier test."""
        self._forget()

    def test_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        """Keeps what each test model says to each of the `MEASURES`.

        Raises:
            InputError: some of a judge's logits are NaN or infinite.
        """
        position, image, perturbation, *_ = batch
        places = position.tolist()
        for measure in MEASURES:
            picture = self.rules.picture(measure, image, perturbation, places[0])
            for spec, judge in zip(self.whole, self.judges, strict=True):
                logits = judge_says(judge, picture, spec.name, places)
                self._given.setdefault((spec.name, measure), []).append(self.rules.answer(measure, logits).cpu())
                if measure == "recognized":
                    self._logits.setdefault(spec.name, []).append(self.rules.heard(logits).cpu())

    def on_test_end(self) -> None:
        """Prints the table and writes `evaluation.json`."""
        if self.trainer.is_global_zero:
            result = self.result()
            result.save(Path(self.trainer.default_root_dir) / EVALUATION)
            result.table().print()
            if reliability := Reliability.known(self.perturbations):
                print("\n".join(reliability.lines()))
            for line in in_words(result.influence, self.perturbations.data_set.class_names()):
                print(line)

    def result(self) -> Evaluation:
        """Returns the evaluation, once the test models have seen all images; the other judges are asked here."""
        device = self.trainer.strategy.root_device
        found = {spec.name: self._answers(spec.name, spec.checksum) for spec in self.whole}
        apart = [spec for spec in self.specs if spec.name not in found]
        found |= self.crossing.answers(apart, device, cross=False)
        asked = {spec.name: found[spec.name] for spec in self.specs}
        asked |= self.crossing.answers(fitting(self._others, self.perturbations), device, cross=True)
        return replace(evaluation_of(self.perturbations, self.rules, asked), arithmetic=arithmetic(device))

    def _answers(self, name: str, checksum: str) -> Answers:
        given: Mapping[Measure, Tensor] = {measure: torch.cat(self._given[name, measure]) for measure in MEASURES}
        return Answers(
            checksum=checksum,
            white_box=self.crossing.averages.is_source(checksum),
            cross=False,
            classes=self.rules.answerable,
            wanted=self.perturbations.wanted,
            label=self.perturbations.label,
            given=given,
            logits=torch.cat(self._logits[name]),
        )

    def _forget(self) -> None:
        self._given: dict[tuple[str, Measure], list[Tensor]] = {}
        self._logits: dict[str, list[Tensor]] = {}
