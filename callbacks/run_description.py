"""The manifest of a run that begins, and what keeps it from beginning."""

import pytorch_lightning as pl
import torch

from datamodules.replicas import ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import InputError
from lit_adv.perturbations.cells import GROUPS, Cells
from lit_adv.perturbations.manifest import Manifest, Weight
from lit_adv.perturbations.run_manifest import begun, data_record
from lit_adv.perturbations.source_records import SourceRecord


def attack_and_data(trainer: pl.Trainer, module: pl.LightningModule) -> tuple[AttackModule, ReplicaDataModule]:
    """Returns a run's module and data module.

    Raises:
        InputError: they are of other classes.
    """
    return attack_and_data_of(module, trainer.datamodule)  # type: ignore[attr-defined]


def attack_and_data_of(module: object, data: object) -> tuple[AttackModule, ReplicaDataModule]:
    """Returns a module and a data module as what a run needs; errors as those of `attack_and_data`."""
    if not isinstance(module, AttackModule):
        raise InputError(f"perturbations are averaged for an AttackModule; derive {type(module).__name__} from it")
    if not isinstance(data, ReplicaDataModule):
        raise InputError(f"perturbations are averaged over a ReplicaDataModule; derive {type(data).__name__} from it")
    return module, data


def refuse_misfits(module: AttackModule, data: ReplicaDataModule) -> None:
    """Refuses a module and data that disagree on the number of models, on stacks or on the data set.

    Raises:
        InputError: they disagree.
    """
    if data.plan.models != len(module.sources):
        raise InputError(f"costs has {data.plan.models} entries for {len(module.sources)} source models; give each one")
    for spec in module.sources:
        spec.refuse_data(data.describe()["name"])
    if data.plan.stacked > 1 and not module.stackable:
        raise InputError("stackable is true, but this attack or these models cannot be stacked; leave it out")


def cells_of(
    data: ReplicaDataModule, kept_groups: int | None, kept_growth: bool, groups: int | None, growth: bool
) -> Cells:
    """Returns the cells of a run.

    Args:
        data: the images and the plan.
        kept_groups: number of groups of the run that is in the folder; None if none is there.
        kept_growth: whether it keeps growth.
        groups: number of groups that is asked for; None for that in the folder, or the default.
        growth: whether growth is asked for.

    Raises:
        InputError: there are no such groups.
    """
    plan = data.plan
    if groups is not None and not 1 <= groups <= plan.models:
        raise InputError(f"groups is {groups}; it must be 1 to {plan.models}, the number of source models")
    by_default = min(GROUPS, plan.models) if kept_groups is None else kept_groups
    return Cells(plan.models, plan.copies, data.seed, groups or by_default, growth or kept_growth)


def describe_run(
    module: AttackModule, data: ReplicaDataModule, device: torch.device, cells: Cells, weight: Weight
) -> Manifest:
    """Returns the manifest of a run that begins.

    Args:
        module: the attack.
        data: the images and the plan.
        device: device of the models.
        cells: cells of the sums.
        weight: how perturbations are weighted.
    """
    selection = data.selection
    return begun(
        attack=module.attack,
        sources=[SourceRecord(spec.name, spec.checksum) for spec in module.sources],
        exact=module.exact,
        precision=module.model_precision,
        data=data_record(data.describe(), selection.index, selection.images, selection.labels),
        copies=data.copies,
        sigma=data.sigma,
        seed=data.seed,
        batch_size=data.batch_size,
        stacked=data.plan.stacked,
        weight=weight,
        cells=cells,
        until={"models": data.plan.models, "copies": data.plan.copies} if data.staged else None,
        device=device,
    )
