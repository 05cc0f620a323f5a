"""Judges of a perturbation set: pictures they see, answers they give, shares that are right (thesis 4.8.2, 4.8.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, assert_never

import numpy as np
import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.evaluation.judge import check_epsilon, judge_says
from lit_adv.evaluation.off_by_one import off_by_one_in_words
from lit_adv.evaluation.recognizability import judge_input, predicted_class
from lit_adv.evaluation.result import MEASURES, Evaluation, JudgeFigures, Measure
from lit_adv.evaluation.strength import adversarial_example, random_noise
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.replicas import check_seed, check_whole
from lit_adv.perturbations.source_models import (
    Given,
    checked_model,
    device_named,
    in_memory,
    place_of,
    record_of,
    type_of,
)
from lit_adv.terminal import say

BATCH_SIZE = 256


@dataclass(frozen=True)
class Rules:
    """Rules by which judges look at one perturbation set and answer.

    Attributes:
        data: the data set.
        targeted: whether the attack was targeted.
        classes: classes `[k]` that may be answered to perturbations; None for all.
        epsilon: ε of Eq. 4.3.
        seed: of the random noise.
    """

    data: DataSet
    targeted: bool
    classes: Tensor | None
    epsilon: float
    seed: int = 0

    @classmethod
    def of(cls, perturbations: PerturbationSet, epsilon: float, seed: int = 0) -> Self:
        """Returns the rules for a set: ImageNet's perturbations are classified among the classes of the set only."""
        data = perturbations.data_set
        classes = perturbations.classes if data.answers_among_its_classes else None
        return cls(data, perturbations.target is not None, classes, epsilon, seed)

    def picture(self, measure: Measure, image: Tensor, perturbation: Tensor, first: int = 0) -> Tensor:
        """Returns the pictures `[B, C, H, W]` that judges see.

        Args:
            measure: one of `MEASURES`.
            image: x `[B, C, H, W]`.
            perturbation: δ `[B, C, H, W]`.
            first: position of `image[0]` in its set, from which its random noise follows.
        """
        if measure == "clean":
            return image
        if measure == "noise":
            return random_noise(image, self.epsilon, self.seed, first)
        if measure == "attack":
            return adversarial_example(image, perturbation, self.epsilon)
        if measure == "recognized":
            return judge_input(perturbation, self.data, self.targeted)
        assert_never(measure)

    def answer(self, measure: Measure, logits: Tensor) -> Tensor:
        """Returns the classes `[B]` that logits `[B, K]` stand for."""
        classes = self.classes if measure == "recognized" else None
        return predicted_class(logits, None if classes is None else classes.to(logits.device))


@torch.no_grad()
def judge_logits(
    model: Model,
    perturbations: PerturbationSet,
    measure: Measure,
    rules: Rules,
    batch_size: int = BATCH_SIZE,
    device: torch.device | None = None,
    name: str = "",
) -> Tensor:
    """Returns a judge's logits `[N, K]` for the images of a set.

    Args:
        model: the judge.
        perturbations: the set.
        measure: one of `MEASURES`.
        rules: of the set.
        batch_size: images in a batch.
        device: that the pictures are made on; None for the set's.
        name: the judge's, for messages.

    Raises:
        InputError: autocast is on, or the logits are of other classes, or some of them NaN or infinite.
    """
    found = []
    for rows in torch.arange(len(perturbations.label)).split(batch_size):
        image, perturbation = (x[rows].to(device) for x in (perturbations.image, perturbations.perturbation))
        first = int(rows[0])
        picture = rules.picture(measure, image, perturbation, first)
        found.append(judge_says(model, picture.to(type_of(model) or picture.dtype), name, first))
        if (given := found[-1].shape[1]) != rules.data.classes:
            raise InputError(
                f"judge {name} gives {given} logits, the set is of {rules.data.classes} classes; judge it with a model "
                "of these"
            )
    return torch.cat(found)


def evaluate(
    perturbations: PerturbationSet,
    judges: Mapping[str, Given],
    *,
    epsilon: float | None = None,
    seed: int = 0,
    checksums: Mapping[str, str] | None = None,
    batch_size: int = BATCH_SIZE,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Returns recognizability and attack strength of a set (Tables 4.3 and 4.4).

    Args:
        perturbations: the set.
        judges: models by name, in evaluation mode, images `[B, C, H, W]` in [0, 1] to logits `[B, K]`; or entries of a
            zoo. Those that were never attacked say something.
        epsilon: ε of Eq. 4.3, in pixel values of [0, 1]; by default the data set's.
        seed: of the random noise.
        checksums: of the judges' weights, by name; a judge that has that of a source model is a white box. By default
            they are found, as `average` finds those of its models; a module and a zoo's entry of the same weights have
            different ones.
        batch_size: images in a batch.
        device: that the pictures are made on; None for each judge's own, or else the set's.

    Returns:
        Shares of right answers, by judge; it shows itself as a table in notebooks.

    Raises:
        InputError: there is no judge, ε is out of range, or some of a judge's logits are NaN or infinite.

    Example:
        >>> import lit_adv
        >>> images, labels = lit_adv.digits(per_class=1)
        >>> network = lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval()
        >>> found = lit_adv.average([network(), network()], images, labels, lit_adv.BIM(epsilon=0.2, steps=2))
        >>> 0 <= lit_adv.evaluate(found, {"held out": network()})["held out"].recognized.value <= 1
        True
    """
    if not isinstance(perturbations, PerturbationSet):
        kind = type(perturbations).__name__
        raise InputError(f"perturbations are a {kind}; give a PerturbationSet, such as PerturbationSet.load(folder)")
    if not isinstance(judges, Mapping) or not judges:
        raise InputError("there is no judge by name; give models by name, such as {'held out': model}")
    if not len(perturbations.label):
        raise InputError("the set has no image; there is nothing to judge")
    check_whole("batch_size", batch_size, 1)
    check_seed(seed)
    named = device_named(device)
    epsilon = perturbations.data_set.epsilon if epsilon is None else epsilon
    check_epsilon(epsilon)
    rules = Rules.of(perturbations, epsilon, seed)
    answers: dict[str, dict[Measure, Tensor]] = {}
    found: dict[str, str] = {}
    for name, given in judges.items():
        model = in_memory(checked_model(given, f"judge {name}"))
        found[name] = record_of(given, 0).checksum if checksums is None else ""
        place = named or place_of(model)
        answers[name] = {
            measure: rules.answer(
                measure, judge_logits(model, perturbations, measure, rules, batch_size, place, name)
            ).cpu()
            for measure in MEASURES
        }
    return evaluation_of(perturbations, rules, answers, found | dict(checksums or {}))


def evaluation_of(
    perturbations: PerturbationSet,
    rules: Rules,
    answers: Mapping[str, Mapping[Measure, Tensor]],
    checksums: Mapping[str, str],
) -> Evaluation:
    """Returns the evaluation that judges' answers amount to; a line tells where labels seem to be off by one.

    Args:
        perturbations: the set.
        rules: of the set.
        answers: classes `[N]` by judge and measure.
        checksums: of the judges' weights, by judge.
    """
    if notice := off_by_one_in_words([found["clean"] for found in answers.values()], perturbations.label):
        say(notice)
    used = {source.checksum for source in perturbations.manifest.sources}
    return Evaluation(
        set=perturbations.name,
        data=rules.data.name,
        sha256=perturbations.manifest.sha256,
        images=len(perturbations.label),
        empty=int((perturbations.perturbation == 0).flatten(1).all(1).sum()),
        answers=rules.data.classes if rules.classes is None else len(rules.classes),
        perturbations_per_image=int(perturbations.count[0]),
        epsilon=rules.epsilon,
        seed=rules.seed,
        judges={
            name: JudgeFigures(
                checksum=checksums.get(name, ""),
                white_box=bool(checksums.get(name)) and checksums[name] in used,
                **{measure: share(right(perturbations, measure, found)) for measure, found in by_measure.items()},
                commonest=commonest(by_measure["recognized"]),
            )
            for name, by_measure in answers.items()
        },
    )


def right(perturbations: PerturbationSet, measure: Measure, answers: Tensor) -> Tensor:
    """Returns which answers `[N]` are right, `[N]` bool: the label, or the target of a perturbation that has one."""
    return answers == (perturbations.wanted if measure == "recognized" else perturbations.label)


def share(of: Tensor) -> float:
    """Returns the share of `[N]` bool that is true, rounded to float32 as in every evaluation so far."""
    return _ratio(int(of.sum()), len(of))


def commonest(answers: Tensor) -> float:
    """Returns the share of answers `[N]` that are the most frequent one, rounded to float32."""
    return _ratio(int(answers.unique(return_counts=True)[1].max()), len(answers))


def _ratio(part: int, whole: int) -> float:
    return float(np.float32(part) / np.float32(whole))
