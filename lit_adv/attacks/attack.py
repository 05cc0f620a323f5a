"""The call contract that every attack keeps, and the pieces that attacks share."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from lit_adv.errors import InputError

Model = Callable[[Tensor], Tensor]
"""Images `[B, C, H, W]` in [0, 1] to logits `[B, K]`; normalisation lives inside."""


@dataclass(frozen=True)
class Objective:
    """What an attack raises: J(x), the cross-entropy of the label, or minus that of the target.

    Attributes:
        logits: the calibrated model, f'(x + δ) = f(x + δ) + calib (thesis Eq. 4.2).
        classes: `[B]`, the labels, or the targets of a targeted attack.
        sign: 1 untargeted, −1 targeted.
    """

    logits: Model
    classes: Tensor
    sign: int

    def gradient(self, images: Tensor) -> Tensor:
        """∇J with respect to `images` `[B, C, H, W]`; each sample's gradient is its own (the loss is a sum)."""
        images = images.detach().requires_grad_()
        loss = self.sign * functional.cross_entropy(self.logits(images), self.classes, reduction="sum")
        return torch.autograd.grad(loss, images)[0]


class Attack(ABC):
    """Finds a perturbation δ for each image. Subclasses are frozen dataclasses: parameters, no state."""

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
            model: images `[B, C, H, W]` in [0, 1] to logits `[B, K]`.
            images: `[B, C, H, W]`; noisy copies may leave [0, 1].
            labels: `[B]` int64.
            targets: `[B]` int64; given, the attack is targeted.
            calibration: `[B, K]`, added to the logits (thesis Eq. 4.2).

        Returns:
            δ `[B, C, H, W]`, detached, not clipped to any image range unless the attack was told to.

        Raises:
            InputError: labels or targets do not fit the images.
        """
        for name, classes in (("labels", labels), ("targets", targets)):
            if classes is not None and classes.shape != images.shape[:1]:
                raise InputError(f"{name} have shape {list(classes.shape)}, want [{len(images)}], one for each image")

        def logits(x: Tensor) -> Tensor:
            return model(x) if calibration is None else model(x) + calibration

        if targets is None:
            return self._perturb(Objective(logits, labels, 1), images.detach())
        return self._perturb(Objective(logits, targets, -1), images.detach())

    @abstractmethod
    def _perturb(self, objective: Objective, images: Tensor) -> Tensor:
        """δ `[B, C, H, W]` that raises `objective` at `images`."""
