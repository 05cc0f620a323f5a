"""Models of a zoo that judge one by one, each what it is shown; source models among them, which judge each other."""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import torch
from torch import nn

from lit_adv.errors import InputError
from lit_adv.evaluation.answers import Answers
from lit_adv.evaluation.evaluate import judged
from lit_adv.evaluation.rules import Rules
from lit_adv.evaluation.shown import Averages
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.terminal import counted, say
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo

SECONDS: Final = 5.0
"""Least time between two lines of progress."""


class Crossing:
    """Asks models of a zoo about a set; one of them at a time is in memory.

    Args:
        perturbations: the set.
        rules: of the set.

    Attributes:
        averages: what each judge is shown.
    """

    def __init__(self, perturbations: PerturbationSet, rules: Rules) -> None:
        self.averages = Averages(perturbations)
        self._rules = rules
        self._models = len(perturbations.manifest.sources)

    def sees_whole(self, spec: ModelSpec) -> bool:
        """Returns whether a judge is shown the average over all models, also as a white box."""
        return self.averages.group(spec.checksum) is None

    def answers(self, specs: Sequence[ModelSpec], device: torch.device, *, cross: bool) -> dict[str, Answers]:
        """Returns what models say, by name.

        Args:
            specs: the models.
            device: that they compute on.
            cross: whether they are the models that judge each other. Of these, white boxes are left out: the one source
                of a set of one model, and all sources of a set that keeps no groups, of which a line tells.

        Raises:
            InputError: one of them cannot be loaded, or some of its logits are NaN or infinite.
        """
        if cross:
            white = [spec.name for spec in specs if self.averages.shown_as_white_box(spec.checksum)]
            specs = [spec for spec in specs if spec.name not in white]
            if white and self._models > 1:
                say(
                    f"{len(white)} source models do not judge: the set keeps no average without them; lit-adv predict "
                    "--groups makes sets that do"
                )
            if specs:
                say(f"{len(specs)} source models judge, none an average that it helped to make …")
        found = {}
        said = time.monotonic()
        for number, spec in enumerate(sorted(specs, key=lambda spec: self.averages.group(spec.checksum) or 0)):
            if time.monotonic() - said > SECONDS:
                said = time.monotonic()
                say(f"judge {number + 1} of {len(specs)}: {spec.name} …")
            shown = self.averages.shown(spec.checksum)
            with torch.inference_mode(False):
                model = spec.load().to(device)
            found[spec.name] = judged(
                model, shown, self._rules, device=device, name=spec.name, checksum=spec.checksum, cross=cross
            )
            del model
        return {spec.name: found[spec.name] for spec in specs}


def fitting(specs: Sequence[ModelSpec], perturbations: PerturbationSet) -> list[ModelSpec]:
    """Returns those models that can judge a set and whose weights are on this machine."""
    found = []
    for spec in specs:
        with suppress(InputError):
            refuse_misfit(spec, perturbations)
            if spec.at_hand():
                found.append(spec)
    return found


def judges_of_all(zoo: Zoo, sets: Sequence[PerturbationSet]) -> dict[str, nn.Module]:
    """Returns a zoo's test models that none of some sets attacked, by name; a line tells how many are left out.

    Raises:
        InputError: there is none, or one of them is of other images or cannot be loaded.
    """
    attacked = {checksum for one in sets for source in one.manifest.sources for checksum in source.attacked}
    found = [spec for spec in zoo.judges if spec.checksum not in attacked]
    if not found:
        whose = sets[0].name if len(sets) == 1 else f"any of {len(sets)} sets"
        raise InputError(f"the zoo has no test model that was not attacked for {whose}; name another zoo")
    for spec in found:
        for one in sets:
            refuse_misfit(spec, one)
    if left_out := len(zoo.judges) - len(found):
        say(f"{counted(left_out, 'test model', 'test models')} left out: attacked for what they would judge")
    return {spec.name: spec.load() for spec in found}


def judges_of_each_other(specs: Sequence[ModelSpec], perturbations: PerturbationSet) -> list[ModelSpec]:
    """Returns those of a zoo's source models that judge each other on a set."""
    averages = Averages(perturbations)
    return [spec for spec in fitting(specs, perturbations) if not averages.shown_as_white_box(spec.checksum)]


def refuse_misfit(spec: ModelSpec, perturbations: PerturbationSet) -> None:
    """Refuses a judge of other images than a set's.

    Raises:
        InputError: it takes other images, knows other classes, or was trained on another data set.
    """
    shape = tuple(perturbations.image.shape[1:])
    if spec.image_shape != shape:
        raise InputError(f"judge {spec.name} takes images {list(spec.image_shape)}, the set's are {list(shape)}")
    if spec.classes != (known := perturbations.data_set.classes):
        raise InputError(
            f"judge {spec.name} knows {spec.classes} classes, the set's are {known}; judge it with a model of "
            "its own classes"
        )
    spec.refuse_data(perturbations.manifest.data.name)
