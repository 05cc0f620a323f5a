"""A tiny zoo, a run on it and the real command line, shared by the tests; one thread for each process."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded; tests run side by side

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from datamodules.labelled import Labelled
from datamodules.mnist import embedded_digits
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, TINY_ZOO, Run, predict


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=0, help="of what tests draw from torch's global generator")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test comes first, so that no process does it at the end, when the other has nothing left to do."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/test_second_device"))


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


OWN_CODE = """
from pathlib import Path
from shutil import rmtree
import torch
from playwright.sync_api import Browser, sync_playwright
from torch import nn
from torch.hub import load_state_dict_from_url as fetched

Path(__file__).with_name("imported").touch()


def linear(classes=10, seed=0):
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, classes))
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        nn.init.normal_(weight, generator=generator)
    return network


class Mine(nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :10]


def fails():
    raise LookupError("no such\\nnetwork")


def number():
    return 3
"""
"""A user's module; importing it leaves a file beside it."""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """`OWN_CODE` in the working directory, which is the test's folder, under a name that no other test uses."""
    name = f"nets_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(OWN_CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium of this machine, driven through pages."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no chromium to open pages with")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
