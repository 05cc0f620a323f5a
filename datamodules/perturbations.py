"""Finished perturbation set as test data."""

from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet


class Perturbations(pl.LightningDataModule):
    """Perturbation set in the run's folder, the trainer's `default_root_dir`.

    Batches are (position `[B]`, image `[B, C, H, W]`, perturbation `[B, C, H, W]`, label `[B]`), and, where the attack
    was targeted, target `[B]` at the end.

    Args:
        batch_size: number of images in a batch.

    Raises:
        InputError: it is below 1.
    """

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; it must be at least 1")
        self.batch_size = batch_size

    def test_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        assert self.trainer is not None
        data = PerturbationSet.load(Path(self.trainer.default_root_dir))
        tensors = [torch.arange(len(data.label)), data.image, data.perturbation, data.label]
        dataset = TensorDataset(*tensors, *([] if data.target is None else [data.target]))
        own = torch.Generator()  # else each loader draws from the global one
        return DataLoader(dataset, min(self.batch_size, len(dataset)), generator=own)
