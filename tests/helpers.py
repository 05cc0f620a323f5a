"""What many tests call: the command line on tiny settings, and what it leaves."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.perturbations.cell_sums import CellSums
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from trainers.recipe import Recipe

Run = Callable[..., "subprocess.CompletedProcess[str]"]

REPOSITORY: Final = Path(__file__).parent.parent
TINY_RECIPE: Final = Recipe(
    data="mnist", source="digits", seed=0, epochs=1, batch_size=64, learning_rate=0.1, weight_decay=5e-4
)
TINY_ZOO: Final = Path(__file__).parent / "data" / "zoo"
"""A test model and three sources, two channels wide, trained by this recipe; `python -m tests.data.make` makes them."""
DIGITS_NETWORK: Final = TINY_ZOO.parent / "digits_network.safetensors"
"""Weights of `digits_network`, made likewise."""
TINY: Final = ["--trainer.accelerator", "cpu", "--data.per_class", "1", "--data.batch_size", "8"]
BIM: Final = [*TINY, "--data.copies", "3", "--model.attack.steps", "4"]


class Stop(pl.Callback):
    """Stops a run after some batches, which are kept."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_predict_batch_end(self, *_: Any) -> None:
        self.left -= 1
        if not self.left:
            raise InputError("stopped by a test")


def stop(after: int) -> list[str]:
    """Options that stop `predict` after some batches, with exit code 2."""
    return ["--trainer.callbacks+", f"{{class_path: {Stop.__module__}.Stop, init_args: {{after: {after}}}}}"]


def predict(name: str, zoo: Zoo, out: Path, *words: str) -> PerturbationSet:
    """The set that `lit-adv predict --config name` makes in this process."""
    main(["predict", "--config", name, "--zoo", str(zoo.path), "--out", str(out), *words])
    return PerturbationSet.load(out)


def same(a: Path, b: Path) -> bool:
    """Whether two sets hold the same perturbations, bit for bit."""
    return torch.equal(PerturbationSet.load(a).perturbation, PerturbationSet.load(b).perturbation)


def kept(out: Path) -> CellSums:
    """The sums that a run keeps beside its set."""
    found = PerturbationSet.load(out).kept
    assert found is not None
    return found


def digits_network() -> nn.Sequential:
    """Three convolutions with batch normalisation, two linear layers.

    Without pooling: on the flat background of digits the largest of several equal values, and so the gradient, would
    depend on the last bit.
    """
    layers: list[nn.Module] = []
    for channels, out in ((1, 4), (4, 8), (8, 8)):
        layers += [nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 10))


def shrunk(images: Tensor) -> Tensor:
    """Digits in [0.25, 0.75], so that small perturbations stay within [0, 1]."""
    return 0.25 + images / 2
