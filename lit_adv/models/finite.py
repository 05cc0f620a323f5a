"""Where tensors hold NaN or infinite values."""

from torch import Tensor


def broken_rows(values: Tensor) -> list[int]:
    """Returns the positions along the first dimension of `[B, …]` that hold a NaN or infinite value."""
    found: list[int] = (~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[:, 0].tolist()
    return found
