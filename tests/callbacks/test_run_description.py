"""A module or data module of one's own that is not of the right kind is refused in one line."""

from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel

from callbacks.perturbation_average import PerturbationAverage
from callbacks.run_description import refuse_misfits
from lit_adv.attack_module import AttackModule
from lit_adv.attacks import BIM
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo


def predict(module: pl.LightningModule) -> None:
    trainer = pl.Trainer(
        callbacks=[PerturbationAverage()],
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.predict(module, datamodule=BoringDataModule())


def test_another_module() -> None:
    with pytest.raises(InputError, match="an AttackModule; derive BoringModel from it"):
        predict(BoringModel())


def test_another_data_module(zoo: Zoo) -> None:
    with pytest.raises(InputError, match="BoringDataModule has no image_shape; derive it from ReplicaDataModule"):
        predict(AttackModule(zoo.path, BIM(epsilon=0.2)))


def test_costs_and_stacks_must_suit_the_models(zoo: Zoo) -> None:
    module = AttackModule(zoo.path, BIM(epsilon=0.2), sources=2, exact=True)
    for models, stacked, reason in ((3, 1, "costs has 3 entries for 2 source models"), (2, 2, "cannot be stacked")):
        plan = SimpleNamespace(models=models, stacked=stacked)
        data = SimpleNamespace(plan=plan, describe=lambda: {"name": "mnist"})
        with pytest.raises(InputError, match=reason):
            refuse_misfits(module, data)  # type: ignore[arg-type]
