"""Images and their averages, with which a map is trained."""

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from lit_adv.attacks.map import unit
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet

KEPT_OUT = 10
"""Every tenth image is kept out of the training where no other set is given for the test."""


class Averages(pl.LightningDataModule):
    """Batches (image `[B, C, H, W]`, average of mean square 1 `[B, C, H, W]`) of an untargeted perturbation set.

    Args:
        found: the set.
        test: set of other images; by default every tenth image of `found` is kept out for it.
        batch_size: images in a training step.

    Attributes:
        kept: the images on which the map is tested.

    Raises:
        InputError: a set is targeted, has too few images, or both have an image in common.
    """

    def __init__(self, found: PerturbationSet, test: PerturbationSet | None, batch_size: int) -> None:
        super().__init__()
        if any(one is not None and one.target is not None for one in (found, test)):
            raise InputError("a map is not told a target; give sets of untargeted perturbations")
        if test is None:
            rows = torch.arange(len(found.label))
            test = found.subset(rows[KEPT_OUT - 1 :: KEPT_OUT])
            found = found.subset(rows[rows % KEPT_OUT != KEPT_OUT - 1])
        if not len(found.label) or not len(test.label):
            raise InputError(f"the set has {len(found.label)} images; a map needs {KEPT_OUT} at least")
        if found.image.shape[1:] != test.image.shape[1:]:
            raise InputError(
                f"images to train with are {list(found.image.shape[1:])}, to test with {list(test.image.shape[1:])}"
            )
        train = {row.numpy().tobytes() for row in found.image}
        if any(row.numpy().tobytes() in train for row in test.image):
            raise InputError("an image is in both sets; the test needs images that are new")
        self.train = found
        self.kept = test
        self.batch_size = batch_size

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        dataset = TensorDataset(self.train.image, unit(self.train.perturbation.double()).float())
        sampler = BatchSampler(RandomSampler(dataset), min(self.batch_size, len(dataset)), drop_last=True)
        return DataLoader(dataset, batch_size=None, sampler=sampler)
