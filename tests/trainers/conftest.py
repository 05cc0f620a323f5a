"""Few images of ten colours, and training without other processes."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from datamodules.labelled import Labelled
from trainers import zoo_runner

TRAIN, TEST = 40, 20
"""Numbers of images."""


def colours(count: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noisy images `[count, 32, 32, 3]`, each class of a colour of its own, and their classes."""
    generator = np.random.default_rng(seed)
    y = np.arange(count) % 10
    colour = np.stack([y * 25, 255 - y * 25, (y * 77) % 256], 1)[:, None, None]
    return np.clip(colour + generator.normal(0, 10, (count, 32, 32, 3)), 0, 255).astype(np.uint8), y


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The images as npz files, for training and for testing."""
    for name, count, seed in (("train", TRAIN, 0), ("test", TEST, 1)):
        x, y = colours(count, seed)
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    return tmp_path / "train.npz", tmp_path / "test.npz"


@pytest.fixture
def data() -> Labelled:
    """The images as tensors."""
    parts = []
    for count, seed in ((TRAIN, 0), (TEST, 1)):
        x, y = colours(count, seed)
        parts += [torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(y)]
    return Labelled(*parts)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets the work of `train_zoo`'s processes be done here, one after the other: starting one takes seconds."""

    def work(process: Callable[..., None], arguments: tuple[Any, ...], count: int) -> None:
        refused, _, *others = arguments
        for rank in range(count):
            process(rank, refused, os.getppid(), *others)

    threads = torch.get_num_threads()
    monkeypatch.setattr(zoo_runner, "cores", lambda: 1)  # for each process as many threads
    monkeypatch.setattr(zoo_runner, "run_processes", work)
    yield
    torch.set_num_threads(threads)
