"""Calibration of a noisy copy's logits (thesis Eq. 4.2)."""

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.attacks.precision import widest
from lit_adv.logits import call, logits_of, refuse_autocast, refuse_training


def calibration(model: Model, clean: Tensor, noisy: Tensor, models: int = 1) -> Tensor:
    """Computes calib = f(x) − f(x + z), with which an attack on x + z sees f(x) at δ = 0.

    The sum is exact where the device has float64: there the difference of two float32 logits, and its sum with one of
    them, have no rounding.

    Args:
        model: function from images to logits `[B, K]`.
        clean: x, `[B, C, H, W]`; equal neighbours are computed once.
        noisy: x + z, `[B, C, H, W]`.
        models: number of stacked models; the batch holds the same images once for each, one after the other.

    Returns:
        calib `[B, K]`, float64 where the device has it.

    Raises:
        InputError: the model is in training mode, its weights are of another device or type than the images, or
            autocast is on.
        BrokenModel: it gives no logits.
    """
    refuse_training(model)
    refuse_autocast(clean.device)
    with torch.no_grad():
        of_one = clean[: len(clean) // models]
        new = torch.cat([of_one.new_ones(1, dtype=torch.bool), (of_one[1:] != of_one[:-1]).flatten(1).any(1)])
        of_clean, of_noisy = (
            logits_of(call(model, images), len(images)).to(widest(images.device))
            for images in (clean[new.repeat(models)], noisy)
        )
        of_each: Tensor = of_clean.unflatten(0, (models, -1))[:, new.cumsum(0) - 1]
        return of_each.flatten(0, 1) - of_noisy
