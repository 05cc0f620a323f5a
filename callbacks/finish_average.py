"""The end of a run: failed models are taken off the sums, and the perturbation set is written."""

from dataclasses import asdict, replace

import pytorch_lightning as pl
import torch

from callbacks.stages import SHARE, reliable_images
from datamodules.claims import BatchClaim
from datamodules.replicas import ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.manifest import Manifest
from lit_adv.perturbations.perturbation_set import MANIFEST, PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.perturbations.run_folder import RunFolder
from lit_adv.perturbations.run_manifest import ended
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.staged_plan import Stage, StagedPlan
from lit_adv.perturbations.zeros import many_zeros
from lit_adv.terminal import say


def refuse_none_left(module: AttackModule) -> None:
    """Stops a run all of whose source models have failed.

    Raises:
        InputError: they have.
    """
    if len(module.failed) == len(module.sources):
        raise InputError(f"no source model is left; the last: {[*module.failed.values()][-1]}")


def finish(
    trainer: pl.Trainer,
    module: AttackModule,
    data: ReplicaDataModule,
    sums: RunSums,
    manifest: Manifest,
    folder: RunFolder,
    stage: Stage,
    rho: float | None,
) -> None:
    """Writes the perturbation set of a run, and deletes what only the unfinished run needs.

    Args:
        trainer: the trainer.
        module: the attack, which knows what models failed.
        data: the images and the plan.
        sums: of all starts and processes.
        manifest: the run's.
        folder: the run's.
        stage: the models and copies that are averaged over; of a run that does not stop early, all.
        rho: the reliability that was asked for; None if none was.

    Raises:
        InputError: batches are missing, no model is left, or a failed model's perturbations cannot be taken off.
    """
    plan = data.plan
    last = len(plan)
    if isinstance(plan, StagedPlan):
        last = plan.batches_until(plan.stages.index(stage))
        if sums.done[last:].any():
            raise RuntimeError(f"batches beyond {stage} are done")
    done = sums.done[:last].bool()
    fails = torch.tensor([bool(module.failed.keys() & plan.models_of(i)) for i in range(last)])
    if not (done | fails).all():
        raise InputError(
            f"{folder.path}: {int(done.sum())} of {len(done)} batches are done and kept; "
            "start the same command again to do the rest"
        )
    module.to(trainer.strategy.root_device)
    for number in fails.nonzero()[:, 0].tolist():
        batch = trainer.strategy.batch_to_device(data.dataset()[BatchClaim(number, None)])
        if done[number]:
            take_out(sums, module, batch)
        else:
            add_healthy(sums, module, batch)
    refuse_none_left(module)
    taken = sorted(sums.cells.taken[: stage.models].tolist())
    left = [place for place in taken if place not in module.failed]
    kept = sums.kept(left)
    mean = kept.overall()
    if (mean.count != len(left) * stage.copies).any():
        raise RuntimeError(f"counts are {mean.count.tolist()}, {len(left) * stage.copies} were to be averaged")
    if rho is not None:
        reached = reliable_images(kept, rho) >= SHARE * plan.images
        manifest = manifest.stopped(taken, stage.copies, rho, reached)
    zeros = {module.sources[place].name: int(sums.zeros[place]) for place in left}
    found = PerturbationSet(
        perturbation=mean.mean(),
        image=data.selection.images,
        label=data.selection.labels,
        target=data.selection.targets,
        count=mean.count,
        manifest=ended(manifest.without(module.failed), zeros),
        sums=kept if kept.groups or sums.cells.growth else None,
    )
    if reliability := Reliability.of(found):
        found = replace(found, manifest=replace(found.manifest, reliability=asdict(reliability)))
    (folder.path / MANIFEST).unlink(missing_ok=True)  # of the set that this one replaces
    found.save(folder.path)
    if last == len(plan):
        folder.remove_partial()
    if reliability:
        say(reliability.lines()[0])
    if rho is not None and not reached:
        say(f"a reliability of {rho:g} was not reached for nine of ten images; take more models or copies")
    if line := many_zeros(found.manifest):
        say(line)


def take_out(sums: RunSums, module: AttackModule, batch: ReplicaBatch) -> None:
    """Takes a batch off the sums whose model has failed at another one, by making its perturbations again.

    Raises:
        InputError: they cannot be made again, or not to the same bits.
    """
    reason = module.failed.pop(batch.model)
    perturbation = module.predict_step(batch)
    problem = module.failed.get(batch.model)
    if problem is None:
        try:
            sums.subtract(batch, perturbation)
        except ValueError as error:
            problem = str(error)
    if problem is not None:
        name = module.sources[batch.model].name
        raise InputError(
            f"source model {name} has failed, and what it gave before cannot be taken off the averages: {problem}; "
            f"mend it, or begin anew with --restart and --model.sources without {name}"
        )
    module.failed[batch.model] = reason


def add_healthy(sums: RunSums, module: AttackModule, batch: ReplicaBatch) -> None:
    """Adds the perturbations of those models of a stack that have not failed, one model after the other."""
    for part in batch.per_model():
        perturbation = module.predict_step(part)
        if len(perturbation):
            sums.add(part, perturbation)
