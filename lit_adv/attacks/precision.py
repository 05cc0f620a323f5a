"""The precision in which logits are compared."""

from functools import cache

import torch


@cache
def widest(device: torch.device) -> torch.dtype:
    """Returns float64, or float32 on a device that has no float64 (Apple's MPS, some of Intel's GPUs).

    In float32 the calibration of a noisy copy (thesis Eq. 4.2) is no longer exact: f(x) at δ = 0 is met up to rounding,
    about 10⁻⁷ of the logits' magnitude.
    """
    try:
        torch.zeros((), dtype=torch.float64, device=device)
    except (TypeError, RuntimeError):
        return torch.float32
    return torch.float64
