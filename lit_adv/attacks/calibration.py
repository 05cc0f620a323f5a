"""Calibration of a noisy copy's logits (thesis Eq. 4.2)."""

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model


def calibration(model: Model, clean: Tensor, noisy: Tensor, models: int = 1) -> Tensor:
    """calib = f(x) − f(x + z), so that at δ = 0 the attack sees f(x).

    It is float64: there the difference of two float32 logits, and its sum with one of them, are exact, so an attack
    on the same batch sees exactly f(x) at δ = 0.

    Args:
        model: images to logits `[B, K]`.
        clean: `[B, C, H, W]`, x; equal neighbours are computed once.
        noisy: `[B, C, H, W]`, x + z.
        models: the batch holds the same images so many times, one after the other, for stacked models.

    Returns:
        `[B, K]` float64.
    """
    with torch.no_grad():
        of_one = clean[: len(clean) // models]
        new = torch.cat([of_one.new_ones(1, dtype=torch.bool), (of_one[1:] != of_one[:-1]).flatten(1).any(1)])
        of_clean: Tensor = model(clean[new.repeat(models)]).double().unflatten(0, (models, -1))
        return of_clean[:, new.cumsum(0) - 1].flatten(0, 1) - model(noisy).double()
