"""Perturbations of noisy copies on one model, calibrated (Eq. 4.2)."""

from typing import Final

import torch
from torch import Tensor

from lit_adv.attacks import Attack
from lit_adv.attacks.attack import Model
from lit_adv.attacks.calibration import calibration
from lit_adv.attacks.inputs import refuse_misfits
from lit_adv.errors import InputError
from lit_adv.logits import short
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.replicas import refuse_outside
from lit_adv.perturbations.source_models import Given, checked_model, classes_of, in_memory, name_of

MOST: Final = {"epsilon": 1.0, "lr": 100.0, "overshoot": 100.0}
"""Parameter of an attack to its largest value in a run; beyond it perturbations outgrow what can be summed."""
MOST_L2: Final = 100.0
"""Largest ε where it is an L2 norm."""
WHY: Final = "pixels are in [0, 1], where 8 of 255 is 0.031"


def perturb(
    model: Given,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    *,
    noise: Tensor | None = None,
    targets: Tensor | None = None,
) -> Tensor:
    """Returns the perturbations δ(x + z) that an attack finds on one model.

    With noise the logits of x + z are calibrated by f(x) − f(x + z) (thesis Eq. 4.2), so that the attack starts from
    the model's answer to x. Perturbations are not clipped to [0, 1].

    Args:
        model: function from images `[B, C, H, W]` in [0, 1] to logits `[B, K]`, normalisation inside; or an entry of a
            zoo.
        images: x `[B, C, H, W]` in [0, 1].
        labels: classes `[B]` int64 to leave.
        attack: such as `BIM(epsilon=0.2)`.
        noise: z `[B, C, H, W]`; None for none.
        targets: classes `[B]` int64 to reach; with them the attack is targeted.

    Returns:
        δ `[B, C, H, W]`.

    Raises:
        InputError: images, labels, noise or targets do not fit, or the model is in training mode.
        BrokenModel: logits or gradients are not finite, or the logits have the wrong shape.

    Example:
        >>> import lit_adv
        >>> images, labels = lit_adv.digits(per_class=1)
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval()
        >>> lit_adv.perturb(model, images, labels, lit_adv.BIM(epsilon=0.2, steps=2)).shape
        torch.Size([10, 1, 28, 28])
    """
    refuse_extremes(attack)
    refuse_misfits(images, labels, targets, None)
    refuse_outside(images, torch.arange(len(images)))
    if noise is not None and not isinstance(noise, Tensor):
        raise InputError(f"noise is a {type(noise).__name__}; give a tensor like the images, or leave it out")
    if noise is not None and (noise.shape, noise.dtype, noise.device) != (images.shape, images.dtype, images.device):
        raise InputError(
            f"noise is {short(noise.dtype)} {list(noise.shape)} on {noise.device}, the images {short(images.dtype)} "
            f"{list(images.shape)} on {images.device}; it must be like them"
        )
    alone = in_memory(checked_model(model, "model"))
    classes_of(alone, name_of(model, 0), images[:4])
    return _calibrated(alone, images, images if noise is None else images + noise, labels, targets, attack)


def refuse_extremes(attack: Attack) -> None:
    """Refuses what is no attack, and an attack with a parameter beyond `MOST`.

    Raises:
        InputError: it is so.
    """
    if not isinstance(attack, Attack):
        kind = f"the class {attack.__name__}" if isinstance(attack, type) else f"a {type(attack).__name__}"
        raise InputError(f"attack is {kind}; give one such as BIM(epsilon=0.2)")
    for name, bound in MOST.items():
        most = MOST_L2 if name == "epsilon" and getattr(attack, "norm", "") == "l2" else bound
        if (value := getattr(attack, name, 0.0)) > most:
            raise InputError(f"{type(attack).__name__}: {name} is {value}; it must be at most {most}: {WHY}")


def perturb_batch(model: Model, batch: ReplicaBatch, attack: Attack) -> Tensor:
    """Returns the perturbations `[B, C, H, W]` of a batch of a run.

    Args:
        model: the batch's source model, or a stack of its source models.
        batch: the batch.
        attack: attack of the run.

    Raises:
        BrokenModel: logits or gradients are not finite, or the logits have the wrong shape.
    """
    own = attack.for_model(batch.model)
    return _calibrated(model, batch.clean, batch.noisy, batch.label, batch.target, own, batch.models)


def _calibrated(
    model: Model, clean: Tensor, noisy: Tensor, labels: Tensor, targets: Tensor | None, attack: Attack, models: int = 1
) -> Tensor:
    calib = None if torch.equal(clean, noisy) else calibration(model, clean, noisy, models)
    return attack(model, noisy, labels, targets=targets, calibration=calib)
