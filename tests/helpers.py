"""What many tests call: the command line on tiny settings, and what it leaves."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch

from lit_adv.cli import main
from lit_adv.perturbations.growth import Growth
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from trainers.recipe import Recipe

Run = Callable[..., "subprocess.CompletedProcess[str]"]

REPOSITORY: Final = Path(__file__).parent.parent
TINY_RECIPE: Final = Recipe(
    data="mnist", source="digits", seed=0, epochs=1, batch_size=64, learning_rate=0.1, weight_decay=5e-4
)
"""The recipe of the zoo in `tests/data/zoo`."""
TINY: Final = ["--trainer.accelerator", "cpu", "--data.per_class", "1", "--data.batch_size", "8"]
BIM: Final = [*TINY, "--data.copies", "3", "--model.attack.steps", "4"]


def predict(name: str, zoo: Zoo, out: Path, *words: str) -> PerturbationSet:
    """The set that `lit-adv predict --config name` makes in this process."""
    main(["predict", "--config", name, "--zoo", str(zoo.path), "--out", str(out), *words])
    return PerturbationSet.load(out)


def same(a: Path, b: Path) -> bool:
    """Whether two sets hold the same perturbations, bit for bit."""
    return torch.equal(PerturbationSet.load(a).perturbation, PerturbationSet.load(b).perturbation)


def kept(out: Path) -> Growth:
    """What a run with `--growth` keeps beside its set."""
    return Growth.load(out, PerturbationSet.load(out).manifest.growth)
