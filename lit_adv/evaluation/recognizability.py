"""What a held-out model sees in a perturbation alone (thesis 4.8.2, Table 4.3)."""

from torch import Tensor


def binary_negative(perturbation: Tensor) -> Tensor:
    """The MNIST rule: −δ, then 1 where it is above 0, else 0; `[N, C, H, W]` to the same shape."""
    return (-perturbation > 0).to(perturbation.dtype)
