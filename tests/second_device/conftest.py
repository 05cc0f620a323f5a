"""These tests run on the device that `--device` names, in a process of their own; see `tests/test_second_device.py`."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # the same bits twice

import pytest
import torch

from tests.second_device.device import NAME, register, without_float64


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", choices=[NAME, "cuda"], help="device of the tests in tests/second_device")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path.name.startswith("test_") and config.getoption("--device", None) is None else None


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> torch.device:
    """Another device than the CPU."""
    if request.config.getoption("--device") == NAME:
        return register()
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def frozen() -> None:
    """Looking for cycles whenever a model is loaded would take most of the time. The end of each run thaws."""
    gc.freeze()


@pytest.fixture(params=["float64", "no float64"])
def widths(request: pytest.FixtureRequest, device: torch.device) -> Iterator[str]:
    """With and without float64 on the device, as far as that can be chosen."""
    if request.param == "float64":
        yield request.param
    elif device.type == NAME:
        with without_float64():
            yield request.param
    else:
        pytest.skip(f"{device.type} has float64")
