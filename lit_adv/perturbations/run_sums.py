"""The sums of Eq. 4.1 that a process collects, and the batches in them."""

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import torch
from torch import Tensor

from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cell_sums import CellSums
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.exact_mean import SQUARE_SCALE, ExactMean
from lit_adv.perturbations.exact_scalars import ExactScalars, square_norms
from lit_adv.perturbations.manifest import Weight
from lit_adv.perturbations.partial_sums import State
from lit_adv.perturbations.plan import WorkPlan


class RunSums:
    """Exact sums over the batches of a plan: one for each cell and image, see `lit_adv.perturbations.cells`.

    With several groups of source models the squares of the perturbations are summed too: for each pixel, and for each
    model and image.

    Args:
        plan: the plan.
        image_shape: `(C, H, W)`.
        cells: the cells.
        weight: `norm` scales each perturbation to ‖δ‖₂ = 1 before it is summed, but for those of 0.
        fraction_bits: see `ExactMean`.

    Attributes:
        mean: the sums, those of each cell after those of the cell before.
        squares: of the images' pixels, Σδ²·2⁻⁶.
        norms: Σ‖δ‖² for each model and image.
        done: `[len(plan)]` uint8, 1 for batches that are in them.
        checksum: `[len(plan)]` int64, the value of `ExactMean.add` for each of these.
        zeros: `[plan.models]` int64, perturbations of each source model that are exactly 0 once rounded.
    """

    def __init__(
        self, plan: WorkPlan, image_shape: tuple[int, ...], cells: Cells, weight: Weight, fraction_bits: int
    ) -> None:
        self.images = plan.images
        self.cells = cells
        self.weight = weight
        most = plan.models * plan.copies
        self.mean = ExactMean((plan.images * len(cells), *image_shape), most, fraction_bits)
        grouped = plan.images if cells.groups > 1 else 0
        self.squares = ExactMean((grouped, *image_shape), most, fraction_bits)
        self.norms = ExactScalars(grouped * plan.models, 2 * fraction_bits)
        if grouped:
            self.mean.limit = min(self.mean.limit, (1 - 2.0**-40) * sqrt(self.squares.limit / SQUARE_SCALE))
        self.done = torch.zeros(len(plan), dtype=torch.uint8, device="cpu")
        self.checksum = torch.zeros(len(plan), dtype=torch.int64, device="cpu")
        self.zeros = torch.zeros(plan.models, dtype=torch.int64, device="cpu")

    def rows(self, batch: ReplicaBatch) -> Tensor:
        """The sum `[B]` that each perturbation of a batch is added to."""
        return self.cells.cell(_models(batch), batch.copy.cpu()) * self.images + batch.image.cpu()

    def add(self, batch: ReplicaBatch, perturbation: Tensor) -> None:
        """Adds the perturbations `[B, C, H, W]` of a batch.

        Raises:
            ValueError: see `ExactMean.add`; nothing is added then.
        """
        delta = self._weighted(perturbation)
        self.checksum[batch.number] = self.mean.add(self.rows(batch), delta)
        self._take_note(batch, delta, 1)

    def subtract(self, batch: ReplicaBatch, perturbation: Tensor) -> None:
        """Takes off the perturbations `[B, C, H, W]` of a batch, found anew.

        Raises:
            ValueError: they are not bit for bit those that were added.
        """
        delta = self._weighted(perturbation)
        self.mean.subtract(self.rows(batch), delta, int(self.checksum[batch.number]))
        self._take_note(batch, delta, -1)

    def _weighted(self, perturbation: Tensor) -> Tensor:
        delta = perturbation.detach().cpu().double()
        if self.weight == "none":
            return delta
        peak = delta.abs().amax((1, 2, 3), keepdim=True)
        delta = torch.where(peak > 0, delta / peak, delta)  # squares of a sure model's gradients may vanish
        return delta / square_norms(delta).sqrt().clamp_min(1.0).view(-1, 1, 1, 1)

    def _take_note(self, batch: ReplicaBatch, delta: Tensor, sign: Literal[1, -1]) -> None:
        """Adds to, or takes off, everything but the sums themselves."""
        self.done[batch.number] = sign > 0
        zero = self.mean.rounds_to_zero(delta)
        models = _models(batch)
        self.zeros += sign * torch.bincount(models[zero], minlength=len(self.zeros))
        if self.cells.groups > 1:
            image = batch.image.cpu()
            self.squares.put(image, delta.square() * SQUARE_SCALE, sign)
            self.norms.add(models * self.images + image, square_norms(delta), sign)

    def kept(self, models: Sequence[int]) -> CellSums:
        """Returns the sums as a finished run keeps them.

        Args:
            models: positions of the models that are in them, in the order of the set's sources.
        """
        grouped = self.cells.groups > 1
        return CellSums(
            cells=self.cells,
            total=self.mean.total.unflatten(1, (len(self.cells), -1)),
            count=self.mean.count.unflatten(0, (len(self.cells), -1)),
            squares=self.squares.total,
            norms=self.norms.total.unflatten(1, (-1, self.images)) if grouped else self.norms.total,
            kept=tuple(models),
        )

    def state(self) -> State:
        """The sums as they are saved."""
        return {
            "total": self.mean.total, "count": self.mean.count, "squares": self.squares.total,
            "norms": self.norms.total, "done": self.done, "checksum": self.checksum, "zeros": self.zeros,
        }  # fmt: skip

    def load(self, state: State) -> None:
        """Replaces the sums by saved ones."""
        self.mean.total, self.mean.count = state["total"], state["count"]
        self.squares.total, self.norms.total = state["squares"], state["norms"]
        self.done, self.checksum, self.zeros = state["done"], state["checksum"], state["zeros"]


def _models(batch: ReplicaBatch) -> Tensor:
    """The source model `[B]` of each row of a batch."""
    return batch.model + torch.arange(batch.models, device="cpu").repeat_interleave(len(batch.image) // batch.models)
