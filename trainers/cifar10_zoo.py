"""Training of a CIFAR-10 zoo, as `scripts/train_cifar10_zoo.py` starts it."""

import sys
from pathlib import Path

from datamodules.cifar10 import CIFAR10Training, Source
from lit_adv.errors import InputError
from lit_adv.terminal import say
from trainers.fit import ModelSettings, fit


def train_cifar10_zoo(
    out: Path,
    models: list[str],
    test: list[str] | None = None,
    each: int = 1,
    source: Source = "torchvision",
    root: Path | None = None,
    train_file: Path | None = None,
    test_file: Path | None = None,
    seed: int = 0,
    epochs: int = 30,
    batch_size: int = 128,
    learning_rate: float = 0.2,
    weight_decay: float = 5e-4,
    label_smoothing: float = 0.1,
    processes: int | None = None,
    wandb: str | None = None,
    wandb_group: str | None = None,
) -> None:
    """Trains CIFAR-10 models of pytorchcv's architectures; continues where it stopped.

    Training is SGD with a one-cycle learning rate and label smoothing, on images moved and mirrored at random, in
    bfloat16 on a GPU.

    Args:
        out: folder of the zoo.
        models: pytorchcv's names of the sources' architectures, such as resnet20_cifar10; lit-adv zoo lists them.
        test: names of the test models' architectures; test models are never attacked.
        each: number of models of each architecture, from different initialisations.
        source: torchvision (downloads CIFAR-10 into root) or npz (train_file and test_file).
        root: torchvision's folder.
        train_file: npz file of training images; see datamodules.cifar10.
        test_file: npz file of test images.
        seed: seed of the zoo.
        epochs: passes over the training images.
        batch_size: images in a training step.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: weight decay of SGD.
        label_smoothing: label smoothing of the cross-entropy, 0 or more and below 1.
        processes: number of models that train side by side; by default one for each GPU, else one for each core.
        wandb: Weights & Biases project in which each training is recorded.
        wandb_group: group of the records; by default the data set and the zoo's name.
    """
    if each < 1:
        raise InputError(f"each is {each}; it must be at least 1")
    if not models and not test:
        raise InputError("no model is named; give --models")
    zoo = fit(
        CIFAR10Training(source, root, train_file, test_file, batch_size),
        ModelSettings(
            arguments={},
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            label_smoothing=label_smoothing,
            augment=True,
            reduced=True,
        ),
        {"max_epochs": epochs},
        out,
        count=each,
        architectures=models,
        test_architectures=test,
        seed=seed,
        processes=processes,
        wandb=wandb,
        wandb_group=wandb_group,
    )
    for spec in zoo.models:
        say(f"{spec.name} ({spec.role}): {100 * spec.training['accuracy']:.2f} % of the test images", sys.stdout)
