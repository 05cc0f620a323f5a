"""Contract of all attacks, and the pieces that they share."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import ClassVar, final

import torch
from torch import Tensor

from lit_adv.attacks.inputs import own, random_state, refuse_misfits
from lit_adv.attacks.precision import widest
from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel, broken_rows, call, logits_of, refuse_training

Model = Callable[[Tensor], Tensor]
"""Function from images `[B, C, H, W]` in [0, 1] to logits `[B, K]`, or what `lit_adv.logits` finds logits in."""


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
        """Computes f'(x) = f(x) + calib `[B, K]`, in float64 where the device has it.

        Args:
            x: perturbed images `[B, C, H, W]`, one for each sample.

        Raises:
            BrokenModel: there are no logits of the right shape, they are not finite with the calibration, or too few.
            InputError: the calibration has another shape than the logits, or the model's weights are of another device
                or type than the images.
        """
        logits = logits_of(call(self.model, x), len(x))
        if logits.device != x.device:
            raise InputError(f"the model gives logits on {logits.device} for images on {x.device}; move one of them")
        if self.highest >= logits.shape[1] or logits.shape[1] < 2:
            raise BrokenModel(f"{logits.shape[1]} logits, too few for class {max(self.highest, 1)}", [])
        logits = logits.to(widest(x.device))
        if self.calibration is not None:
            if self.calibration.shape != logits.shape:
                raise InputError(
                    f"calibration has shape {list(self.calibration.shape)}, logits {list(logits.shape)}; "
                    "they must agree"
                )
            logits = logits + self.calibration
        self._refuse_broken("logits", logits)
        return logits

    def log_odds(self, logits: Tensor) -> Tensor:
        """Computes the log-odds `[B]` of success, which attacks raise: log (1−p_y)/p_y, or log p_t/(1−p_t) targeted.

        They grow with J, the label's cross-entropy or minus the target's, but their gradient does not vanish where the
        softmax rounds to 1: ∇J = (1 − p)·∇log_odds with p the probability of the class, so both have one direction.
        """
        return -self._lead(logits, torch.logsumexp)

    def margin(self, logits: Tensor) -> Tensor:
        """Computes the margin `[B]`, which is below 0 where the model is fooled.

        Untargeted, it is f_y − max_{i≠y} f_i with the label y; targeted, max_{i≠t} f_i − f_t with the target t.
        """
        return self._lead(logits, torch.amax)

    def _lead(self, logits: Tensor, strongest: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Computes how far the model is from being fooled `[B]`: its class against the strongest of the others."""
        own = logits.gather(1, self.classes[:, None])[:, 0]
        others = strongest(logits.scatter(1, self.classes[:, None], -torch.inf), 1)
        return others - own if self.targeted else own - others

    def gradient(self, values: Tensor, x: Tensor, retain: bool = False) -> Tensor:
        """Computes ∇_x Σ `values`, `[B, C, H, W]`.

        Args:
            values: `[B]`, each computed from its own sample of `x`.
            x: `[B, C, H, W]`.
            retain: keep the graph for another gradient.

        Raises:
            BrokenModel: there is no gradient, or it is not finite.
        """
        tracked = values.requires_grad
        gradient = torch.autograd.grad(values.sum(), x, retain_graph=retain, allow_unused=True)[0] if tracked else None
        if gradient is None:
            raise BrokenModel(
                "logits without a gradient; if it runs under no_grad or detaches its input, take that out, or use "
                "Square, which needs no gradient",
                [],
            )
        self._refuse_broken("gradients", gradient)
        return gradient

    def direction(self, x: Tensor) -> Tensor:
        """Computes ∇log_odds at `x`, `[B, C, H, W]`: the direction of ∇J at a magnitude that does not vanish."""
        return self._ascent(x)[1]

    def loss_gradient(self, x: Tensor) -> Tensor:
        """Computes ∇J at `x`, `[B, C, H, W]`."""
        odds, direction = self._ascent(x)
        slope = torch.sigmoid(-odds if self.targeted else odds)  # 1 − p
        return (slope[:, None, None, None] * direction).to(direction.dtype)

    def _ascent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the log-odds at `x`, `[B]`, and their gradient, `[B, C, H, W]`."""
        x = x.detach().requires_grad_()
        odds = self.log_odds(self.logits(x))
        return odds.detach(), self.gradient(odds, x)

    def _refuse_broken(self, what: str, values: Tensor) -> None:
        if rows := broken_rows(values):
            raise BrokenModel(f"{what} that are not finite", self.row[rows].unique().tolist())


class Attack(ABC):
    """Finds a perturbation δ for each image. Subclasses are frozen dataclasses: parameters, no state.

    Attributes:
        keeps_batch_order: True if every forward pass gets the full batch in its original order, which stacked models
            require.
        cost_parameter: name of the parameter (steps or queries) that bounds the run time linearly; None for one-pass
            attacks.
        fraction_bits: binary digits after the point that exact sums keep of δ, a multiple of 40. 40 suits attacks whose
            δ is measured in pixels.
        counts_members: True if `gradients` counts those of each model of an ensemble.
    """

    keeps_batch_order: ClassVar[bool] = False
    cost_parameter: ClassVar[str | None] = None
    fraction_bits: ClassVar[int] = 40
    counts_members: ClassVar[bool] = False

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
            images: `[B, C, H, W]`, floating point; noisy copies may leave [0, 1].
            labels: classes `[B]` int64, 0 or more.
            targets: classes `[B]` int64 to reach; with them the attack is targeted.
            calibration: `[B, K]`, added to the logits (thesis Eq. 4.2).

        Returns:
            δ `[B, C, H, W]`, detached. It is clipped to an image range only by attacks with such a parameter.

        Raises:
            InputError: images, labels, targets or calibration do not fit, a target is its label, the model is in
                training mode, or autocast is on.
            BrokenModel: logits or gradients are not finite, or the logits have the wrong shape.
        """
        refuse_training(model)
        refuse_misfits(images, labels, targets, calibration)
        if not len(images):
            return torch.zeros_like(images)
        # Tensors that were made in inference mode forbid gradients; copies that are made outside it do not.
        with torch.inference_mode(False), torch.enable_grad():
            device = images.device
            classes = own(labels if targets is None else targets).to(device)
            problem = Problem(
                model=model,
                images=own(images),
                classes=classes,
                targeted=targets is not None,
                calibration=None if calibration is None else own(calibration).to(device, widest(device)),
                row=torch.arange(len(images), device=device),
                highest=int(max(given.max() for given in (labels, targets) if given is not None)),
            )
            before = random_state(device)
            delta = self._perturb(problem)
            if not torch.equal(before, random_state(device)):
                warnings.warn(
                    "the model draws random numbers while it runs (dropout that is always on?): perturbations differ "
                    "from call to call",
                    stacklevel=2,
                )
            return delta

    @property
    def gradients(self) -> int | None:
        """Most gradients that a perturbation takes; None if it is not known."""
        return None

    def for_model(self, position: int) -> "Attack":
        """Returns the attack for the source model at `position`; only attacks that draw at random differ."""
        return self

    @abstractmethod
    def _perturb(self, problem: Problem) -> Tensor:
        """Computes δ `[B, C, H, W]` for `problem.images`."""


def at_least(attack: Attack, **bounds: float) -> None:
    """Checks that parameters are finite and not below their bounds, and whole where their type is `int`.

    Raises:
        InputError: one is not; the message names attack, parameter, value and bound.
    """
    kinds = (int, int | None, "int", "int | None")  # text where annotations are not evaluated
    whole = {field.name for field in fields(attack) if field.type in kinds}  # type: ignore[arg-type]
    for name, bound in bounds.items():
        value = getattr(attack, name)
        if not bound <= value < math.inf:
            raise InputError(f"{type(attack).__name__}: {name} is {value}; it must be {bound} or more")
        if name in whole and value != int(value):
            raise InputError(f"{type(attack).__name__}: {name} is {value}; it must be a whole number")


def check_clip(attack: Attack, clip: tuple[float, float] | None) -> None:
    """Checks the bounds that an attack keeps x' within.

    Raises:
        InputError: they are not a lower and a higher number.
    """
    if clip is not None and (len(clip) != 2 or not clip[0] < clip[1]):
        raise InputError(f"{type(attack).__name__}: clip is {clip}; it must be a lower and a higher bound")


def positive(attack: Attack, *names: str) -> None:
    """Checks that parameters are finite and above 0.

    Raises:
        InputError: one is not; the message names attack, parameter and value.
    """
    for name in names:
        value = getattr(attack, name)
        if not 0 < value < math.inf:
            raise InputError(f"{type(attack).__name__}: {name} is {value}; it must be above 0")
