"""What another device gives against what the CPU gives."""

import torch
from torch import Tensor
from torch.nn import functional

from tests.second_device.device import NAME

NEARLY = 0.99
"""Least cosine to the CPU's perturbation where the simulated device computes in float32 and the CPU in float64."""
ALIKE = 0.9
"""Least cosine on CUDA, which rounds in its own ways: the last bit decides which of several equal pixels is the
largest, and so gets the gradient."""


def agree(found: Tensor, expected: Tensor, device: torch.device, bits: bool = True) -> bool:
    """Whether perturbations of a device are the CPU's: bit for bit on the simulated device, nearly on others.

    Args:
        found: of the device, `[B, C, H, W]`.
        expected: of the CPU.
        device: the device.
        bits: False where the device computes in another precision than the CPU, and is compared as others are.
    """
    found = found.cpu()
    if device.type == NAME and bits:
        return torch.equal(found, expected)
    assert found.isfinite().all()
    return float(functional.cosine_similarity(found.flatten().double(), expected.flatten().double(), 0)) > (
        NEARLY if device.type == NAME else ALIKE
    )
