"""`predict --plan --until RHO`: how many models and copies a reliability would take, from a small measurement."""

import time
from functools import partial
from math import sqrt
from typing import Final, NamedTuple

from datamodules.replicas import ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.figures.sample import spread
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.manifest import Weight
from lit_adv.perturbations.outlook import Outlook, soonest
from lit_adv.perturbations.perturb import perturb_batch
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.perturbations.reliability import Reliability
from lit_adv.perturbations.replicas import Replicas
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.variance_shares import Scalars
from lit_adv.terminal import counted, span

MODELS: Final = 6
COPIES: Final = 2
IMAGES: Final = (3, 10)
"""Fewest and most images that are measured."""
SECONDS: Final = 60.0
"""About as long as a measurement takes at most, unless that is for the fewest images."""


class Measured(NamedTuple):
    """A small measurement.

    Attributes:
        scalars: from which reliability follows.
        load: seconds to load a model.
        perturbation: seconds for one perturbation of one image.
    """

    scalars: Scalars
    load: float
    perturbation: float


class Proposal(NamedTuple):
    """A number of models and copies."""

    models: int
    copies: int


def measure(module: AttackModule, data: ReplicaDataModule, weight: Weight, seconds: float) -> Measured:
    """Attacks a few models with a few copies of a few images, as the run would.

    Args:
        module: the attack and its source models.
        data: the images.
        weight: how perturbations are weighted.
        seconds: of a perturbation, about.
    """
    models, copies = min(MODELS, data.plan.models), min(COPIES, data.copies)
    most = int(SECONDS / max(seconds * models * copies, 1e-9))
    chosen = data.selection
    some = spread(chosen.labels, min(max(most, IMAGES[0]), IMAGES[1]))
    replicas = Replicas(
        images=chosen.images[some],
        labels=chosen.labels[some],
        targets=None if chosen.targets is None else chosen.targets[some],
        index=chosen.index[some],
        sigma=data.sigma,
        seed=data.seed,
    )
    plan = WorkPlan(data.plan.models, len(some), copies, data.batch_size)
    cells = Cells(plan.models, copies, data.seed, min(models, plan.models))
    sums = RunSums(plan, data.image_shape, cells, weight, module.attack.fraction_bits)
    taken = sorted(cells.taken[:models].tolist())
    loading, attacking = 0.0, 0.0
    for position in taken:
        began = time.monotonic()
        model = module.loader.model(position, 1, module.device)
        loaded = time.monotonic()
        first = position * plan.batches_per_stack
        for number in range(first, first + plan.batches_per_stack):
            batch = replicas.batch(plan, number)
            moved = module.transfer_batch_to_device(batch, module.device, 0)
            sums.add(batch, perturb_batch(model, moved, module.attack))
        loading += loaded - began
        attacking += time.monotonic() - loaded
    scalars = Scalars.of(sums.kept(taken).grouped())
    return Measured(scalars, loading / models, attacking / (models * len(some) * copies))


def propose(outlook: Outlook, rho: float, models: int, cost: float) -> Proposal | None:
    """Returns the models and copies that reach a reliability soonest; None where no number of copies is enough.

    Args:
        outlook: what is measured.
        rho: the mean reliability that is wanted.
        models: the most there are.
        cost: of loading a model, in perturbations of all images.
    """
    own, noise = (max(float(part.mean()), 0.0) for part in (outlook.model, outlook.copy))
    copies = 1
    if outlook.separable and own > 0:
        best = soonest(partial(outlook.models_for, rho), sqrt(cost * noise / own), cost)
        copies = 1 if best is None else best[1]
    found = outlook.models_for(rho, copies)
    if found is not None and found <= models:
        return Proposal(found, copies)
    if not outlook.separable or outlook.rho(models, 2**20) < rho:
        return None
    low, high = 0, 2**20
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if outlook.rho(models, middle) >= rho else (middle, high)
    return Proposal(models, high)


def in_words(measured: Measured, rho: float, models: int, images: int) -> list[str]:
    """Says what was measured, and what it proposes, in lines.

    Args:
        measured: the measurement.
        rho: the reliability that is wanted.
        models: number of source models that there are.
        images: number of images of the run.
    """
    scalars = measured.scalars
    if Reliability.from_scalars(scalars) is None:
        return ["reliability: no image that was measured has perturbations of two models; nothing is proposed"]
    outlook = Outlook.of(scalars)
    some, few = scalars.scales.shape
    lines = [
        f"reliability, measured on {some} images, {few} models and {counted(scalars.copies, 'copy', 'copies')}: "
        f"{outlook.rho(few, scalars.copies):.2f}; with all {models} models and one copy it would be about "
        f"{outlook.rho(models, 1):.2f}"
    ]
    found = propose(outlook, rho, models, measured.load / (measured.perturbation * images))
    if found is None:
        return [*lines, f"{rho:g} is out of reach of {models} models, or too few were measured to tell"]
    seconds = found.models * (measured.load + found.copies * images * measured.perturbation)
    number = found.models * found.copies * images
    return [
        *lines,
        f"for {rho:g} on average: {found.models} models and {counted(found.copies, 'copy', 'copies')}, "
        f"{number} perturbations, about {span(seconds)} of one process; --until asks it of nine of ten images, with "
        "95 % certainty, and takes more",
    ]
