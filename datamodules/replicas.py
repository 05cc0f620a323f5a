"""Batches of noisy copies, as the work plan asks for them."""

import itertools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datamodules.claims import BatchClaim, ClaimSampler
from datamodules.selection import Selection, doubles
from lit_adv.errors import InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.plan import WorkPlan, cut
from lit_adv.perturbations.replicas import Replicas, check_whole, refuse_numbers
from lit_adv.perturbations.staged_plan import StagedPlan
from lit_adv.processes import process_number, shared_store
from lit_adv.terminal import say

STACKED_PAIRS: Final = 32
"""Models are stacked only if each contributes at most this many (image, copy) pairs."""
STACKED_MODELS: Final = 10
"""Largest number of models in a batch, so that there are batches for many processes."""


class ReplicaDataset(Dataset[ReplicaBatch]):
    """Batches of a plan, each made on request."""

    def __init__(self, plan: WorkPlan, selection: Selection, sigma: float, seed: int) -> None:
        self.plan = plan
        self.replicas = Replicas(
            images=selection.images,
            labels=selection.labels,
            targets=selection.targets,
            index=selection.index,
            sigma=sigma,
            seed=seed,
        )

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, claim: BatchClaim) -> ReplicaBatch:
        return self.replicas.batch(self.plan, claim.number, claim.following)


class ReplicaDataModule(pl.LightningDataModule):
    """Supplies this process's share of the plan; subclasses select the images.

    Attributes:
        image_shape: shape `(C, H, W)` of the images.
        class_count: number of classes, where `select` finds it out; None where the data set tells.
        selection: images, set by `setup`.
        plan: plan of the whole run, set by `setup`.
        done: whether an earlier start finished each batch, `[len(plan)]` bool; set before the loader is made.
        costs: weight of each source model, by which the work is shared out, such as its multiply-accumulates.
        stackable: whether several models may share a batch.
        staged: whether the plan has stages, after each of which the run may stop; set before `setup`.
        enter: see `ClaimSampler`; set before the loader is made.
    """

    staged = False
    allow_zero_length_dataloader_with_multiple_devices = True  # on resuming there can be fewer batches than processes

    image_shape: tuple[int, int, int]
    class_count: int | None = None
    selection: Selection
    plan: WorkPlan
    done: Tensor
    enter: Callable[[int | None], bool] = staticmethod(lambda _: True)

    def __init__(
        self,
        *,
        per_class: int | None,
        copies: int,
        sigma: float,
        seed: int,
        batch_size: int,
        costs: Sequence[float],
        stackable: bool,
    ) -> None:
        super().__init__()
        check_whole("per_class", 1 if per_class is None else per_class, 1)
        refuse_numbers(copies=copies, sigma=sigma, seed=seed, batch_size=batch_size)
        self._read: Selection | None = None
        self.per_class = per_class
        self.copies = copies
        self.sigma = sigma
        self.seed = seed
        self.batch_size = batch_size
        self.costs = costs
        self.stackable = stackable

    @abstractmethod
    def select(self) -> Selection:
        """Selects the images of the experiment."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Describes data set and selection for the manifest."""

    def image_name(self, position: int) -> str:
        """Names a selected image for the user."""
        return f"number {int(self.selection.index[position])}"

    def prepare_data(self) -> None:
        """Reads the images in the first process, which downloads what is missing, before models are fetched."""
        self._read = self.select()

    def setup(self, stage: str) -> None:
        self.selection, self._read = self.select() if self._read is None else self._read, None
        if not len(self.selection.labels):
            raise InputError("there is no image in the data")
        if process_number() == 0 and (repeated := doubles(self.selection.images)):
            one, other = map(self.image_name, repeated[0])
            say(f"{len(repeated)} of the images are repeated, such as {one} and {other}; each counts")
        self.plan = self._plan()
        self.done = torch.zeros(len(self.plan), dtype=torch.bool)
        processes = self.trainer.world_size if self.trainer is not None else 1
        if processes > len(self.plan):
            raise InputError(
                f"{processes} processes for {len(self.plan)} batches leave some without work; "
                f"lower --trainer.devices or --data.batch_size"
            )

    def _plan(self) -> WorkPlan:
        images, models = len(self.selection.labels), len(self.costs)
        if self.staged:
            taken = Cells(models, self.copies, self.seed).taken.tolist()
            return StagedPlan(models, images, self.copies, self.batch_size, taken=tuple(taken))
        pairs = images * self.copies
        fitting = min(self.batch_size // pairs, STACKED_MODELS)
        stacked = max(fitting, 1) if self.stackable and pairs <= STACKED_PAIRS else 1
        return WorkPlan(models, images, self.copies, self.batch_size, min(stacked, models))

    def predict_dataloader(self) -> DataLoader[ReplicaBatch]:
        trainer = self.trainer
        assert trainer is not None
        todo = (~self.done).nonzero()[:, 0].tolist()
        stages: list[list[int]] = [todo]
        if isinstance(self.plan, StagedPlan):
            stages = [list(found) for _, found in itertools.groupby(todo, self.plan.stage_of)]
        pieces = [piece for stage in stages for piece in cut(self.plan, stage, self.costs, trainer.world_size)]
        claims = ClaimSampler(pieces, shared_store("pieces"), self.enter)
        own = torch.Generator()  # else each loader draws from the global one
        return DataLoader(self.dataset(), batch_size=None, sampler=claims, generator=own)

    def dataset(self) -> ReplicaDataset:
        """Returns the batches of the whole plan."""
        return ReplicaDataset(self.plan, self.selection, self.sigma, self.seed)
