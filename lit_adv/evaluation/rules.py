"""Rules by which judges look at a perturbation set: pictures they see, answers they give (thesis 4.8.2, 4.8.3)."""

from dataclasses import dataclass
from typing import Final, Self, assert_never

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.evaluation.judge import judge_says
from lit_adv.evaluation.judge_figures import Measure
from lit_adv.evaluation.recognizability import judge_input, predicted_class
from lit_adv.evaluation.strength import adversarial_example, equal_l2, random_noise
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.source_models import type_of

BATCH_SIZE: Final = 32
"""Images that a judge sees at a time."""


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
        if measure == "attack_l2":
            return equal_l2(image, perturbation, self.epsilon)
        if measure == "recognized":
            return judge_input(perturbation, self.data, self.targeted)
        assert_never(measure)

    def heard(self, logits: Tensor) -> Tensor:
        """Returns those of a judge's logits `[B, K]` that are of classes which may be answered to perturbations."""
        return logits if self.classes is None else logits[:, self.classes.to(logits.device)]

    @property
    def answerable(self) -> Tensor:
        """Classes `[k]` that may be answered to perturbations."""
        return torch.arange(self.data.classes) if self.classes is None else self.classes.cpu()

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
        found.append(judge_says(model, picture.to(type_of(model) or picture.dtype), name, rows.tolist()))
        if (given := found[-1].shape[1]) != rules.data.classes:
            raise InputError(
                f"judge {name} gives {given} logits, the set is of {rules.data.classes} classes; judge it with a model "
                "of these"
            )
    return torch.cat(found)
