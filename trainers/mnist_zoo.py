"""Training of an MNIST zoo, as `scripts/train_mnist_zoo.py` starts it."""

import sys
from pathlib import Path
from typing import Any, Final

from datamodules.mnist import Source, load_mnist
from lit_adv.errors import InputError
from lit_adv.terminal import say
from lit_adv.tracking.records import Experiment
from trainers.recipe import ModelPlan, Recipe
from trainers.zoo_runner import train_zoo

SMALL: Final = {"width": 6, "epochs": 8, "batch_size": 32, "weight_decay": 0.02}
FULL: Final = {"width": 8, "epochs": 3, "batch_size": 128, "weight_decay": 0.005}
DEFAULTS: Final = {"digits": SMALL, "torchvision": FULL, "folder": FULL}
"""Settings by source. The strong weight decay makes models of few digits alike enough that perturbations transfer."""


def train_mnist_zoo(
    out: Path,
    count: int = 101,
    source: Source = "digits",
    root: Path | None = None,
    seed: int = 0,
    width: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float = 0.1,
    weight_decay: float | None = None,
    processes: int | None = None,
    wandb: str | None = None,
    wandb_group: str | None = None,
) -> None:
    """Trains VGG-16-like MNIST models from different initialisations; continues where it stopped.

    Args:
        out: folder of the zoo.
        count: number of models: one test model, which is never attacked, and count - 1 sources.
        source: digits (5,000, embedded), torchvision (downloads MNIST into root) or folder (idx files in root).
        root: folder of the data.
        seed: seed of the zoo.
        width: channels of the first layer, 64 in VGG-16; by default 6 for digits and 8 for the full training set.
        epochs: passes over the training digits; by default 8 for digits and 3 for the full training set.
        batch_size: digits in a training step; by default 32 and 128.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: weight decay of SGD; by default 0.02 and 0.005.
        processes: number of models that train side by side; by default one for each GPU, else one for each core.
        wandb: Weights & Biases project in which each training is recorded.
        wandb_group: group of the records; by default the data set and the zoo's name.
    """
    given = {"width": width, "epochs": epochs, "batch_size": batch_size, "weight_decay": weight_decay}
    chosen: dict[str, Any] = DEFAULTS[source] | {name: value for name, value in given.items() if value is not None}
    models = mnist_models(count, chosen.pop("width"))
    recipe = Recipe(data="mnist", source=source, seed=seed, learning_rate=learning_rate, **chosen)
    zoo = train_zoo(
        recipe, models, lambda: load_mnist(source, root), out, processes, Experiment.from_options(wandb, wandb_group)
    )
    accuracies = [spec.training["accuracy"] for spec in zoo.models]
    worst, best = 100 * min(accuracies), 100 * max(accuracies)
    say(f"zoo {out}: {len(accuracies)} models, test accuracy {worst:.2f} to {best:.2f} %", sys.stdout)


def mnist_models(count: int, width: int) -> list[ModelPlan]:
    """Plans models 0 … count − 1 of one architecture; model 0 is the test model, the others are sources.

    Raises:
        InputError: a number is below 1.
    """
    for name, number in (("count", count), ("width", width)):
        if number < 1:
            raise InputError(f"{name} is {number}; it must be at least 1")
    return [
        ModelPlan(
            name=f"model-{number:03d}",
            role="source" if number else "test",
            number=number,
            architecture="vgg16_like",
            arguments={"width": width},
        )
        for number in range(count)
    ]
