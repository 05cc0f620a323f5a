"""Training of a zoo on any data, as `lit-adv fit` and the scripts start it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from datamodules.labelled import TrainingData
from lit_adv.errors import InputError
from lit_adv.terminal import say
from lit_adv.tracking.records import Experiment
from lit_adv.zoo.zoo import Zoo
from trainers.lightning_options import split
from trainers.models import planned
from trainers.recipe import Recipe
from trainers.zoo_runner import train_zoo

SUITED: Final[Mapping[tuple[str, str], Mapping[str, Any]]] = {
    ("mnist", "digits"): {"width": 6, "epochs": 8, "batch_size": 32, "weight_decay": 0.02},
    ("mnist", "torchvision"): {"width": 8, "epochs": 3, "batch_size": 128, "weight_decay": 0.005},
    ("mnist", "folder"): {"width": 8, "epochs": 3, "batch_size": 128, "weight_decay": 0.005},
}
"""Settings by data set and source. The strong weight decay makes models of few digits alike: attacks transfer."""
OTHERWISE: Final[Mapping[str, Any]] = {"width": 8, "epochs": 30, "batch_size": 128, "weight_decay": 5e-4}


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """Architecture of the models, and how Lightning's module `trainers.classifier.Classifier` trains them.

    Args:
        architecture: vgg16_like, a name of pytorchcv (lit-adv zoo lists them), torchvision:NAME, timm:NAME, or
            package.module:function of your own.
        arguments: keyword arguments of the architecture; by default those that suit the images.
        learning_rate: peak of the one-cycle schedule; 0.001 suits Adam.
        weight_decay: weight decay of SGD or Adam; by default what suits the images and SGD.
        label_smoothing: label smoothing of the cross-entropy, 0 or more and below 1.
        augment: mirror the images and move them by up to an eighth of their side, at random.
        reduced: train in bfloat16 on a GPU where --trainer.precision is not given.
        optimizer: sgd (Nesterov momentum 0.9) or adam.
        adversarial: train on images perturbed by up to so much, ε (Madry et al. 2018); 0 for ordinary training.
        adversarial_steps: steps of the attack in training; each costs about as much as ordinary training.
        gradient_penalty: weight of the loss gradient's squared norm (Ross & Doshi-Velez 2018); 0 for none.
        normalise: subtract the data set's mean from the pixels and divide them by its standard deviation.
        snapshots: epochs after which a copy of each source is kept as one more source, such as model-001-epoch-2.
    """

    architecture: str | None = None
    arguments: dict[str, Any] | None = None
    learning_rate: float = 0.1
    weight_decay: float | None = None
    label_smoothing: float = 0.0
    augment: bool = False
    reduced: bool = False
    optimizer: Literal["sgd", "adam"] = "sgd"
    adversarial: float = 0.0
    adversarial_steps: int = 7
    gradient_penalty: float = 0.0
    normalise: bool = False
    snapshots: list[int] | None = None


def fit(
    data: TrainingData,
    model: ModelSettings,
    trainer: Mapping[str, Any],
    out: Path,
    count: int = 1,
    test_models: int = 0,
    architectures: list[str] | None = None,
    test_architectures: list[str] | None = None,
    seed: int = 0,
    processes: int | None = None,
    wandb: str | None = None,
    wandb_group: str | None = None,
    trust: list[str] | None = None,
) -> Zoo:
    """Trains the models of a zoo that are not there yet; continues where it stopped.

    Args:
        data: images.
        model: architecture and training of the models.
        trainer: options of Lightning's trainer.
        out: folder of the zoo.
        count: number of models of each architecture, from different initialisations.
        test_models: how many of the models of --model.architecture, the first, are test models: never attacked.
        architectures: architectures of source models, in place of --model.architecture; the models have their names.
        test_architectures: architectures of test models, likewise.
        seed: seed of the zoo.
        processes: number of models that train side by side; by default one for each GPU, else one for each core.
        wandb: Weights & Biases project in which each training is recorded.
        wandb_group: group of the records; by default the data set and the zoo's name.
        trust: packages of your own whose code may run, where an architecture is of them.

    Raises:
        InputError: as `train_zoo`, or an option makes no sense.
    """
    suited = {**OTHERWISE, **SUITED.get((data.data, data.source), {})}
    models = planned(
        count,
        test_models,
        model.architecture,
        [*(architectures or [])],
        [*(test_architectures or [])],
        lambda name: _arguments(name, model.arguments, suited["width"]),
    )
    weights, others = split(trainer)
    recipe = Recipe(
        data=data.data,
        source=data.source,
        seed=seed,
        epochs=_given(trainer.get("max_epochs"), suited["epochs"]),
        batch_size=_given(data.batch_size, suited["batch_size"]),
        learning_rate=model.learning_rate,
        weight_decay=_given(model.weight_decay, suited["weight_decay"]),
        label_smoothing=model.label_smoothing,
        augment=model.augment,
        reduced=model.reduced,
        images=data.describe(),
        trainer=weights,
        optimizer=model.optimizer,
        adversarial=model.adversarial,
        adversarial_steps=model.adversarial_steps,
        gradient_penalty=model.gradient_penalty,
        normalise=model.normalise,
        snapshots=tuple(sorted(set(model.snapshots or ()))),
    )
    experiment = Experiment.from_options(wandb, wandb_group)
    return train_zoo(recipe, models, data.load, out, processes, experiment, others, trust or ())


def say_accuracy(zoo: Zoo) -> None:
    """Prints the zoo's accuracy on test images in a line."""
    accuracies = [spec.training["accuracy"] for spec in zoo.models]
    worst, best = 100 * min(accuracies), 100 * max(accuracies)
    say(f"zoo {zoo.path}: {len(accuracies)} models, test accuracy {worst:.2f} to {best:.2f} %", sys.stdout)


def _arguments(architecture: str, given: Mapping[str, Any] | None, width: int) -> dict[str, Any]:
    if architecture != "vgg16_like":
        return dict(given or {})
    arguments = {"width": width, **(given or {})}
    if isinstance(arguments["width"], int) and arguments["width"] < 1:
        raise InputError(f"width is {arguments['width']}; it must be at least 1")
    return arguments


def _given(value: Any, suited: Any) -> Any:
    return suited if value is None else value
