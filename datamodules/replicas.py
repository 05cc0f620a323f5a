"""Noise-replicated batches, as the work plan asks for them."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.selection import Selection
from lit_adv.errors import InputError
from lit_adv.noise import gaussian_noise
from lit_adv.plan import WorkPlan, share


class ReplicaBatch(NamedTuple):
    """One batch of the plan.

    Attributes:
        number: the batch's number in the plan.
        model: the source model's position.
        image: `[B]` int64, positions in the selection, ascending.
        clean: `[B, C, H, W]` in [0, 1], x.
        noisy: `[B, C, H, W]`, x + z; not clipped.
        label: `[B]` int64.
    """

    number: int
    model: int
    image: Tensor
    clean: Tensor
    noisy: Tensor
    label: Tensor


class ReplicaDataset(Dataset[ReplicaBatch]):
    """Some batches of a plan, each made when asked for; memory does not grow with m or n."""

    def __init__(self, plan: WorkPlan, numbers: Sequence[int], selection: Selection, sigma: float, seed: int) -> None:
        self.plan = plan
        self.numbers = numbers
        self.selection = selection
        self.sigma = sigma
        self.seed = seed

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, item: int) -> ReplicaBatch:
        planned = self.plan.batch(int(self.numbers[item]))
        image = torch.from_numpy(planned.image)
        clean = self.selection.images[image]
        noisy = clean
        if self.sigma > 0:
            index = self.selection.index[image].tolist()
            draws = ((planned.model, i, c) for i, c in zip(index, planned.copy.tolist(), strict=True))
            noisy = clean + self.sigma * gaussian_noise(self.seed, draws, tuple(clean.shape[1:]))
        return ReplicaBatch(planned.index, planned.model, image, clean, noisy, self.selection.labels[image])


class ReplicaDataModule(pl.LightningDataModule):
    """Supplies this process's share of the plan; subclasses say which images.

    Attributes:
        selection: the images, after `setup`.
        plan: the whole plan, after `setup`.
        done: `[len(plan)]` bool, batches that an earlier start has finished; set before the loader is asked for.
        costs: one weight for each source model, for shares of equal cost.
    """

    allow_zero_length_dataloader_with_multiple_devices = True  # on resuming there can be fewer batches than processes

    selection: Selection
    plan: WorkPlan
    done: Tensor

    def __init__(self, *, copies: int, sigma: float, seed: int, batch_size: int, costs: Sequence[float]) -> None:
        super().__init__()
        for name, value, least in (
            ("copies", copies, 1),
            ("sigma", sigma, 0),
            ("seed", seed, 0),
            ("batch_size", batch_size, 1),
        ):
            if not value >= least:
                raise InputError(f"{name} is {value}; it must be {least} or more")
        self.copies = copies
        self.sigma = sigma
        self.seed = seed
        self.batch_size = batch_size
        self.costs = costs

    @abstractmethod
    def select(self) -> Selection:
        """The images of the experiment."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """The data set and the selection, for the manifest."""

    def setup(self, stage: str) -> None:
        self.selection = self.select()
        self.plan = WorkPlan(len(self.costs), len(self.selection.labels), self.copies, self.batch_size)
        self.done = torch.zeros(len(self.plan), dtype=torch.bool)
        processes = self.trainer.world_size if self.trainer is not None else 1
        if processes > len(self.plan):
            raise InputError(
                f"{processes} processes for {len(self.plan)} batches leave some without work; "
                f"lower --trainer.devices or --data.batch_size"
            )

    def predict_dataloader(self) -> DataLoader[ReplicaBatch]:
        trainer = self.trainer
        assert trainer is not None
        todo = (~self.done).nonzero()[:, 0].tolist()
        numbers = share(self.plan, todo, self.costs, rank=trainer.global_rank, world_size=trainer.world_size)
        dataset = ReplicaDataset(self.plan, numbers.tolist(), self.selection, self.sigma, self.seed)
        return DataLoader(dataset, batch_size=None)
