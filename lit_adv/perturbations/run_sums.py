"""The sums of Eq. 4.1 that a process collects, and the batches in them."""

import torch
from torch import Tensor

from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.growth import Cells
from lit_adv.perturbations.partial_sums import State
from lit_adv.perturbations.plan import WorkPlan


class RunSums:
    """Exact sums over the batches of a plan: one for each image, or, with growth, one for each cell and image.

    Args:
        plan: the plan.
        image_shape: `(C, H, W)`.
        seed: the run's.
        growth: whether the sums are kept in cells, see `lit_adv.perturbations.growth`.
        fraction_bits: see `ExactMean`.

    Attributes:
        cells: the cells; None without growth.
        mean: the sums.
        done: `[len(plan)]` uint8, 1 for batches that are in them.
        checksum: `[len(plan)]` int64, the value of `ExactMean.add` for each of these.
        zeros: `[plan.models]` int64, perturbations of each source model that are exactly 0 once rounded.
    """

    def __init__(
        self, plan: WorkPlan, image_shape: tuple[int, ...], seed: int, growth: bool, fraction_bits: int
    ) -> None:
        self.images = plan.images
        self.cells = Cells(plan.models, plan.copies, seed) if growth else None
        rows = plan.images * (1 if self.cells is None else len(self.cells))
        self.mean = ExactMean((rows, *image_shape), plan.models * plan.copies, fraction_bits)
        self.done = torch.zeros(len(plan), dtype=torch.uint8, device="cpu")
        self.checksum = torch.zeros(len(plan), dtype=torch.int64, device="cpu")
        self.zeros = torch.zeros(plan.models, dtype=torch.int64, device="cpu")

    def rows(self, batch: ReplicaBatch) -> Tensor:
        """The sum `[B]` that each perturbation of a batch is added to."""
        image = batch.image.cpu()
        if self.cells is None:
            return image
        return self.cells.cell(_models(batch), batch.copy.cpu()) * self.images + image

    def add(self, batch: ReplicaBatch, perturbation: Tensor) -> None:
        """Adds the perturbations `[B, C, H, W]` of a batch.

        Raises:
            ValueError: see `ExactMean.add`; nothing is added then.
        """
        self.checksum[batch.number] = self.mean.add(self.rows(batch), perturbation)
        self.done[batch.number] = 1
        self.zeros += self._zeros(batch, perturbation)

    def subtract(self, batch: ReplicaBatch, perturbation: Tensor) -> None:
        """Takes off the perturbations `[B, C, H, W]` of a batch, found anew.

        Raises:
            ValueError: they are not bit for bit those that were added.
        """
        self.mean.subtract(self.rows(batch), perturbation, int(self.checksum[batch.number]))
        self.done[batch.number] = 0
        self.zeros -= self._zeros(batch, perturbation)

    def _zeros(self, batch: ReplicaBatch, perturbation: Tensor) -> Tensor:
        zero = self.mean.rounds_to_zero(perturbation)
        return torch.bincount(_models(batch)[zero], minlength=len(self.zeros))

    def state(self) -> State:
        """The sums as they are saved."""
        return {
            "total": self.mean.total, "count": self.mean.count, "done": self.done, "checksum": self.checksum,
            "zeros": self.zeros,
        }  # fmt: skip

    def load(self, state: State) -> None:
        """Replaces the sums by saved ones."""
        self.mean.total, self.mean.count = state["total"], state["count"]
        self.done, self.checksum, self.zeros = state["done"], state["checksum"], state["zeros"]


def _models(batch: ReplicaBatch) -> Tensor:
    """The source model `[B]` of each row of a batch."""
    return batch.model + torch.arange(batch.models, device="cpu").repeat_interleave(len(batch.image) // batch.models)
