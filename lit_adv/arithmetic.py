"""Settings of torch and its libraries that change numbers without being options of a run."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "cpu": ("DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE"),
    "cuda": ("CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE"),
}
"""Device to the environment variables by which its libraries choose their arithmetic."""


def arithmetic(device: torch.device) -> dict[str, str]:
    """Returns what the arithmetic of float32 and bfloat16 on a device depends on, for the manifest.

    Args:
        device: the device; only what applies to it is returned.

    Returns:
        By name: the precision that float32 convolutions and matrix products have inside (`ieee`, `tf32` or `bf16`), on
        CUDA also whether sums of float16 and bfloat16 products may be rounded on the way, whether torch must choose
        deterministic algorithms, and those of `VARIABLES` that are set.
    """
    backends: Any = torch.backends  # torch's annotations lack what is asked here
    found = {"deterministic_algorithms": _word(torch.are_deterministic_algorithms_enabled())}
    if device.type == "cpu":
        found |= {"convolution": _inside(backends.mkldnn.conv), "matmul": _inside(backends.mkldnn.matmul)}
    if device.type == "cuda":
        matmul = backends.cuda.matmul
        found |= {"convolution": _inside(backends.cudnn.conv), "matmul": _inside(matmul)}
        for name in ("fp16_reduced_precision_reduction", "bf16_reduced_precision_reduction", "fp16_accumulation"):
            found[name] = _word(getattr(matmul, f"allow_{name}"))
    names = VARIABLES.get(device.type, ())
    return found | {name: os.environ[name].lower() for name in names if os.environ.get(name)}


@contextmanager
def repeatable() -> Iterator[None]:
    """Lets cuDNN choose algorithms that give the same bits again; the setting is put back at the end."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


def _inside(kind: Any) -> str:
    return "ieee" if kind.fp32_precision == "none" else str(kind.fp32_precision)


def _word(allowed: bool) -> str:
    return "yes" if allowed else "no"
