"""A tiny zoo, a run on it and the real command line, shared by the tests; one thread for each process."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded; tests run side by side

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from datamodules.labelled import Labelled
from datamodules.mnist import embedded_digits
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, TINY_ZOO, Run, predict


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=0, help="of what tests draw from torch's global generator")


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """Each test draws the same, whichever run before it in its process."""
    torch.manual_seed(request.config.getoption("seed"))


@pytest.fixture(scope="session")
def digits() -> Labelled:
    return embedded_digits()


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """A test model and three sources, two channels wide."""
    return Zoo.open(shutil.copytree(TINY_ZOO, tmp_path_factory.mktemp("zoo") / "zoo"))


@pytest.fixture(scope="session")
def nmm(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run of one process."""
    out = tmp_path_factory.mktemp("nmm")
    predict("mnist-nmm-bim", zoo, out, *BIM)
    return out


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a Python module or script in the repository, as a user would."""

    def start(*words: str | Path, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, *map(str, words)]
        return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout, check=False)

    return start


@pytest.fixture
def linear_model() -> Callable[[torch.Tensor], torch.Tensor]:
    """Logits W·x + b of 1×4×4 images for three classes, float64."""
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(3, 16, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    return lambda x: x.flatten(1) @ weight.to(x).T + bias.to(x)
