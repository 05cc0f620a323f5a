"""Calibration of a noisy copy's logits (thesis Eq. 4.2)."""

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model


def calibration(model: Model, clean: Tensor, noisy: Tensor) -> Tensor:
    """calib = f(x) − f(x + z), so that at δ = 0 the attack sees f(x).

    It is float64: there the difference of two float32 logits, and its sum with one of them, are exact, so an attack
    on the same batch sees exactly f(x) at δ = 0.

    Args:
        model: images to logits `[B, K]`.
        clean: `[B, C, H, W]`, x; equal neighbours are computed once.
        noisy: `[B, C, H, W]`, x + z.

    Returns:
        `[B, K]` float64.
    """
    with torch.no_grad():
        changed = (clean[1:] != clean[:-1]).flatten(1).any(1)
        row = torch.cat([changed.new_zeros(1), changed]).cumsum(0)
        first = torch.cat([changed.new_ones(1), changed])
        return model(clean[first]).double()[row] - model(noisy).double()
