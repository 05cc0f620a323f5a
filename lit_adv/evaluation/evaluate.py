"""Judges of a perturbation set, and the evaluation that their answers amount to (thesis 4.8.2, 4.8.3)."""

from collections.abc import Collection, Mapping

import torch
from torch import nn

from lit_adv.attacks.attack import Model
from lit_adv.errors import InputError
from lit_adv.evaluation.answers import Answers
from lit_adv.evaluation.cross import Cross
from lit_adv.evaluation.judge import check_epsilon
from lit_adv.evaluation.judge_figures import MEASURES
from lit_adv.evaluation.off_by_one import off_by_one_in_words
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.rules import BATCH_SIZE, Rules, judge_logits
from lit_adv.evaluation.shown import Averages, Shown
from lit_adv.evaluation.strength import norms
from lit_adv.perturbations.influence import influences
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.replicas import check_seed, check_whole
from lit_adv.perturbations.run_manifest import images_sha256
from lit_adv.perturbations.source_models import (
    Given,
    checked_model,
    device_named,
    entry_of,
    in_memory,
    place_of,
    record_of,
)
from lit_adv.terminal import say


def evaluate(
    perturbations: PerturbationSet,
    judges: Mapping[str, Given],
    *,
    epsilon: float | None = None,
    seed: int = 0,
    checksums: Mapping[str, str] | None = None,
    cross: Collection[str] | None = None,
    batch_size: int = BATCH_SIZE,
    device: torch.device | str | None = None,
) -> Evaluation:
    """Returns recognizability and attack strength of a set (Tables 4.3 and 4.4).

    Args:
        perturbations: the set.
        judges: models by name, in evaluation mode, images `[B, C, H, W]` in [0, 1] to logits `[B, K]`; or entries of a
            zoo. A source model is shown the average without its own group, where the set keeps groups, and else is a
            white box.
        epsilon: ε of Eq. 4.3, in pixel values of [0, 1]; by default the data set's.
        seed: of the random noise.
        checksums: of the judges' weights, by name, by which source models are known. By default they are found, as
            `average` finds those of its models; a module and a zoo's entry of the same weights have different ones.
        cross: names of those that judge each other; by default the source models among the judges that are no white
            boxes, and source models of a zoo that were not attacked.
        batch_size: images in a batch.
        device: that the pictures are made on, and entries of a zoo loaded to; None for each judge's own, or else the
            set's.

    Returns:
        Shares of right answers, by judge; what the source models among the judges say together is its `cross`. It
        shows itself as a table in notebooks.

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
    averages = Averages(perturbations)
    known = {
        name: record_of(checked_model(given, f"judge {name}"), 0).checksum
        if checksums is None
        else checksums.get(name, "")
        for name, given in judges.items()
    }
    found = {}
    for name in sorted(judges, key=lambda name: averages.group(known[name]) or 0):
        given, shown = judges[name], averages.shown(known[name])
        model = in_memory(checked_model(given, f"judge {name}"))
        if named is not None and entry_of(given) is not None and isinstance(model, nn.Module):
            model = model.to(named)
        source = shown.without > 0 or (getattr(given, "role", "") == "source" and not shown.white_box)
        crossing = source if cross is None else name in cross
        found[name] = judged(model, shown, rules, batch_size, named or place_of(model), name, known[name], crossing)
        del model
    return evaluation_of(perturbations, rules, {name: found[name] for name in judges})


def judged(
    model: Model,
    shown: Shown,
    rules: Rules,
    batch_size: int = BATCH_SIZE,
    device: torch.device | None = None,
    name: str = "",
    checksum: str = "",
    cross: bool = False,
) -> Answers:
    """Returns what one judge says about all pictures of what it is shown.

    Args:
        model: the judge.
        shown: what it is shown.
        rules: of the set.
        batch_size: images in a batch.
        device: that the pictures are made on; None for the set's.
        name: the judge's, for messages.
        checksum: of its weights; empty if unknown.
        cross: whether it is one of the models that judge each other.

    Raises:
        InputError: see `judge_logits`.
    """
    one = shown.perturbations
    logits = {measure: judge_logits(model, one, measure, rules, batch_size, device, name).cpu() for measure in MEASURES}
    return Answers(
        checksum=checksum,
        white_box=shown.white_box,
        cross=cross,
        without=shown.without,
        classes=rules.answerable,
        wanted=one.wanted,
        label=one.label,
        given={measure: rules.answer(measure, found) for measure, found in logits.items()},
        logits=rules.heard(logits["recognized"]),
    )


def evaluation_of(perturbations: PerturbationSet, rules: Rules, answers: Mapping[str, Answers]) -> Evaluation:
    """Returns the evaluation that judges' answers amount to; a line tells where labels seem to be off by one.

    Args:
        perturbations: the set.
        rules: of the set.
        answers: what each judge says, at least one.
    """
    if notice := off_by_one_in_words([found.given["clean"] for found in answers.values()], perturbations.label):
        say(notice)
    crossing = [found for found in answers.values() if found.cross]
    return Evaluation(
        set=perturbations.name,
        data=rules.data.name,
        sha256=perturbations.manifest.sha256,
        images=len(perturbations.label),
        images_sha256=images_sha256(perturbations.image, perturbations.label),
        empty=int((perturbations.perturbation == 0).flatten(1).all(1).sum()),
        answers=len(rules.answerable),
        perturbations_per_image=int(perturbations.count[0]),
        epsilon=rules.epsilon,
        seed=rules.seed,
        norms=norms(perturbations.perturbation, rules.epsilon),
        cross=Cross.of(crossing) if crossing else None,
        influence=influences(perturbations),
        judges={name: found.figures for name, found in answers.items()},
    )
