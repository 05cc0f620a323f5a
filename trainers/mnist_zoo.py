"""Training of an MNIST zoo, as `scripts/train_mnist_zoo.py` starts it."""

from pathlib import Path

from datamodules.mnist import MNISTTraining, Source
from lit_adv.errors import InputError
from trainers.fit import ModelSettings, fit, say_accuracy
from trainers.models import numbered_models
from trainers.recipe import ModelPlan


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
    zoo = fit(
        MNISTTraining(source, root, batch_size),
        ModelSettings(
            architecture="vgg16_like",
            arguments=None if width is None else {"width": width},
            learning_rate=learning_rate,
            weight_decay=weight_decay,
        ),
        {"max_epochs": epochs},
        out,
        count=count,
        test_models=1,
        seed=seed,
        processes=processes,
        wandb=wandb,
        wandb_group=wandb_group,
    )
    say_accuracy(zoo)


def mnist_models(count: int, width: int) -> list[ModelPlan]:
    """Plans models 0 … count − 1 of one architecture; model 0 is the test model, the others are sources.

    Raises:
        InputError: a number is below 1.
    """
    for name, number in (("count", count), ("width", width)):
        if number < 1:
            raise InputError(f"{name} is {number}; it must be at least 1")
    return numbered_models(count, 1, "vgg16_like", {"width": width})
