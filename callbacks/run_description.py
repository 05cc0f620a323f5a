"""The manifest of a run that begins, and what keeps it from beginning."""

import pytorch_lightning as pl
import torch

from datamodules.replicas import ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.errors import InputError
from lit_adv.perturbations.manifest import Manifest, SourceRecord
from lit_adv.perturbations.run_manifest import begun, data_record


def attack_and_data(trainer: pl.Trainer, module: pl.LightningModule) -> tuple[AttackModule, ReplicaDataModule]:
    """Returns a run's module and data module.

    Raises:
        InputError: they are of other classes.
    """
    data = trainer.datamodule  # type: ignore[attr-defined]
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


def describe_run(module: AttackModule, data: ReplicaDataModule, device: torch.device) -> Manifest:
    """Returns the manifest of a run that begins."""
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
        device=device,
    )
