"""Training of an MNIST zoo, as `scripts/train_mnist_zoo.py` starts it."""

from pathlib import Path
from typing import Literal

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
    optimizer: Literal["sgd", "adam"] = "sgd",
    batch_norm: bool = True,
    dropout: float = 0.0,
    pad: int = 0,
    normalise: bool = False,
    adversarial: float = 0.0,
    adversarial_steps: int = 7,
    gradient_penalty: float = 0.0,
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
        learning_rate: peak of the one-cycle schedule; 0.001 suits Adam.
        weight_decay: weight decay of SGD or Adam; by default 0.02 and 0.005, which suit SGD.
        optimizer: sgd (Nesterov momentum 0.9) or adam.
        batch_norm: have batch normalisation after each convolution.
        dropout: share of the values that is dropped before each of the last two linear layers.
        pad: black pixels around the digits; 2 makes them 32×32.
        normalise: subtract MNIST's mean from the pixels and divide them by its standard deviation.
        adversarial: train on digits perturbed by up to so much, ε (Madry et al. 2018); 0 for ordinary training.
        adversarial_steps: steps of the attack in training; each costs about as much as ordinary training.
        gradient_penalty: weight of the loss gradient's squared norm (Ross & Doshi-Velez 2018); 0 for none.
        processes: number of models that train side by side; by default one for each GPU, else one for each core.
        wandb: Weights & Biases project in which each training is recorded.
        wandb_group: group of the records; by default the data set and the zoo's name.
    """
    given = {"width": width, "batch_norm": batch_norm, "dropout": dropout, "pad": pad}
    usual = {"width": None, "batch_norm": True, "dropout": 0.0, "pad": 0}
    zoo = fit(
        MNISTTraining(source, root, batch_size),
        ModelSettings(
            architecture="vgg16_like",
            arguments={name: value for name, value in given.items() if value != usual[name]},
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            optimizer=optimizer,
            adversarial=adversarial,
            adversarial_steps=adversarial_steps,
            gradient_penalty=gradient_penalty,
            normalise=normalise,
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
