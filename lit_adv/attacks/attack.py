"""Contract of all attacks, and the pieces that they share."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional

from lit_adv.errors import InputError

Model = Callable[[Tensor], Tensor]
"""Function from images `[B, C, H, W]` in [0, 1] to logits `[B, K]`; normalisation lives inside."""


class BrokenModel(InputError):
    """Logits or gradients that no attack can use.

    Attributes:
        what: description of the fault.
        rows: rows of the batch concerned; empty if all are.
    """

    def __init__(self, what: str, rows: list[int]) -> None:
        super().__init__(f"the model gives {what}" + (f" for rows {first_few(rows)} of the batch" if rows else ""))
        self.what = what
        self.rows = rows


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One attack task: images, the classes to leave or to reach, and the model to be fooled.

    Attributes:
        model: function from images `[B, C, H, W]` to logits `[B, K]`.
        images: start of the attack, `[B, C, H, W]`.
        classes: labels to leave, or targets to reach, `[B]`.
        targeted: whether `classes` are targets.
        calibration: `[B, K]`, added to the logits (thesis Eq. 4.2), or None.
        row: each sample's row in the batch that the attack was called with, `[B]`.
        highest: largest of all labels and targets.
    """

    model: Model
    images: Tensor
    classes: Tensor
    targeted: bool
    calibration: Tensor | None
    row: Tensor
    highest: int

    def select(self, kept: Tensor) -> "Problem":
        """Returns the problem for some of its samples, given by a mask `[B]` or by positions."""
        return replace(
            self,
            images=self.images[kept],
            classes=self.classes[kept],
            calibration=None if self.calibration is None else self.calibration[kept],
            row=self.row[kept],
        )

    def logits(self, x: Tensor) -> Tensor:
        """Computes f'(x) = f(x) + calib `[B, K]`.

        Args:
            x: perturbed images `[B, C, H, W]`, one for each sample.

        Raises:
            BrokenModel: the logits have the wrong shape, are not finite with the calibration, or are too few.
            InputError: the calibration has another shape than the logits.
        """
        logits = self.model(x)
        if logits.ndim != 2 or len(logits) != len(x):
            raise BrokenModel(f"logits of shape {list(logits.shape)}, want [{len(x)}, K] for {len(x)} images", [])
        if self.highest >= logits.shape[1]:
            raise BrokenModel(f"{logits.shape[1]} logits, too few for class {self.highest}", [])
        if self.calibration is not None:
            if self.calibration.shape != logits.shape:
                raise InputError(
                    f"calibration has shape {list(self.calibration.shape)}, logits {list(logits.shape)}; "
                    "they must agree"
                )
            logits = logits + self.calibration
        self._refuse_broken("logits", logits)
        return logits

    def loss(self, logits: Tensor) -> Tensor:
        """Computes J `[B]`, which attacks raise: the label's cross-entropy, or minus the target's."""
        entropy = functional.cross_entropy(logits, self.classes, reduction="none")
        return -entropy if self.targeted else entropy

    def margin(self, logits: Tensor) -> Tensor:
        """Computes the margin `[B]`, which is below 0 where the model is fooled.

        Untargeted, it is f_y − max_{i≠y} f_i with the label y; targeted, max_{i≠t} f_i − f_t with the target t.
        """
        own = logits.gather(1, self.classes[:, None])[:, 0]
        others = logits.scatter(1, self.classes[:, None], -torch.inf).amax(1)
        return others - own if self.targeted else own - others

    def gradient(self, values: Tensor, x: Tensor, retain: bool = False) -> Tensor:
        """Computes ∇_x Σ `values`, `[B, C, H, W]`.

        Args:
            values: `[B]`, each computed from its own sample of `x`.
            x: `[B, C, H, W]`.
            retain: keep the graph for another gradient.

        Raises:
            BrokenModel: the gradient is not finite.
        """
        gradient = torch.autograd.grad(values.sum(), x, retain_graph=retain)[0]
        self._refuse_broken("gradients", gradient)
        return gradient

    def loss_gradient(self, x: Tensor) -> Tensor:
        """Computes ∇J at `x`, `[B, C, H, W]`."""
        x = x.detach().requires_grad_()
        return self.gradient(self.loss(self.logits(x)), x)

    def _refuse_broken(self, what: str, values: Tensor) -> None:
        if values.sum().isfinite():  # one pass over memory, and enough nearly always
            return
        if (broken := ~values.isfinite().flatten(1).all(1)).any():
            raise BrokenModel(f"{what} that are not finite", self.row[broken].unique().tolist())


class Attack(ABC):
    """Finds a perturbation δ for each image. Subclasses are frozen dataclasses: parameters, no state.

    Attributes:
        keeps_batch_order: True if every forward pass gets the full batch in its original order, which stacked models
            require.
        cost_parameter: name of the parameter (steps or queries) that bounds the run time linearly; None for one-pass
            attacks.
    """

    keeps_batch_order: ClassVar[bool] = False
    cost_parameter: ClassVar[str | None] = None

    @final
    def __call__(
        self,
        model: Model,
        images: Tensor,
        labels: Tensor,
        *,
        targets: Tensor | None = None,
        calibration: Tensor | None = None,
    ) -> Tensor:
        """Attacks `model` at `images`.

        Args:
            model: function from images `[B, C, H, W]` in [0, 1] to logits `[B, K]`.
            images: `[B, C, H, W]`; noisy copies may leave [0, 1].
            labels: classes `[B]` int64, 0 or more.
            targets: classes `[B]` int64 to reach; with them the attack is targeted.
            calibration: `[B, K]`, added to the logits (thesis Eq. 4.2).

        Returns:
            δ `[B, C, H, W]`, detached. It is clipped to an image range only by attacks with such a parameter.

        Raises:
            InputError: labels, targets or calibration do not fit, or a target is its label.
            BrokenModel: logits or gradients are not finite, or the logits have the wrong shape.
        """
        for name, given in (("labels", labels), ("targets", targets)):
            if given is None:
                continue
            if given.shape != images.shape[:1]:
                raise InputError(f"{name} have shape {list(given.shape)}, want [{len(images)}], one for each image")
            if given.dtype != torch.int64 or (given < 0).any():
                raise InputError(f"{name} are {given.dtype}, from {given.min()}; they must be int64 and 0 or more")
        if calibration is not None and (calibration.ndim != 2 or len(calibration) != len(images)):
            raise InputError(
                f"calibration has shape {list(calibration.shape)}, want [{len(images)}, K], one row for each image"
            )
        if targets is not None and (same := (targets == labels).nonzero()[:, 0]).numel():
            raise InputError(f"targets equal labels in rows {first_few(same.tolist())}; a target must be another class")
        if not len(images):
            return torch.zeros_like(images)
        problem = Problem(
            model=model,
            images=images.detach(),
            classes=labels if targets is None else targets,
            targeted=targets is not None,
            calibration=calibration,
            row=torch.arange(len(images), device=images.device),
            highest=int((labels if targets is None else torch.cat([labels, targets])).max()),
        )
        with torch.enable_grad():
            return self._perturb(problem)

    def for_model(self, position: int) -> "Attack":
        """Returns the attack for the source model at `position`; only attacks that draw at random differ."""
        return self

    @abstractmethod
    def _perturb(self, problem: Problem) -> Tensor:
        """Computes δ `[B, C, H, W]` for `problem.images`."""


def first_few(rows: list[int]) -> str:
    """Writes the first eight numbers, and how many more there are."""
    return ", ".join(map(str, rows[:8])) + (f" and {len(rows) - 8} more" if len(rows) > 8 else "")


def at_least(attack: Attack, **bounds: float) -> None:
    """Checks that parameters are finite and not below their bounds.

    Raises:
        InputError: one is not; the message names attack, parameter, value and bound.
    """
    for name, bound in bounds.items():
        value = getattr(attack, name)
        if not bound <= value < math.inf:
            raise InputError(f"{type(attack).__name__}: {name} is {value}; it must be {bound} or more")


def positive(attack: Attack, *names: str) -> None:
    """Checks that parameters are finite and above 0.

    Raises:
        InputError: one is not; the message names attack, parameter and value.
    """
    for name in names:
        value = getattr(attack, name)
        if not 0 < value < math.inf:
            raise InputError(f"{type(attack).__name__}: {name} is {value}; it must be above 0")
