"""Training settings that all models of a zoo share, and those of each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from lit_adv.data_sets import DATA_SETS, DataSet, own_images
from lit_adv.errors import InputError
from lit_adv.zoo.model_spec import ModelSpec

SEEDS_PER_ZOO: Final = 1_000_000
"""Model i of the zoo of seed s is initialised with s·1,000,000 + i, so that zoos of different seeds share no model."""
LARGEST_SEED: Final = 2**63 // SEEDS_PER_ZOO - 1
"""Largest seed of a zoo; torch's are below 2⁶³."""
OPTIMIZERS: Final = ("sgd", "adam")
LEFT_OUT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "images": {},
        "trainer": {},
        "optimizer": "sgd",
        "adversarial": 0.0,
        "adversarial_steps": 7,
        "gradient_penalty": 0.0,
        "normalise": False,
        "snapshots": (),
    }
)
"""Settings that manifests hold only where they differ from these: older manifests have none of them."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Training settings that all models of a zoo share.

    Attributes:
        data: name of the data set, `mnist` or `cifar10`.
        source: origin of its images, such as `torchvision`.
        seed: seed of the zoo, 0 or more.
        epochs: number of passes over the training images.
        batch_size: number of images in a step.
        learning_rate: peak of the one-cycle schedule.
        weight_decay: weight decay of SGD.
        label_smoothing: label smoothing of the cross-entropy, 0 ≤ value < 1.
        augment: mirror the images and move them by up to an eighth of their side, at random.
        reduced: train in bfloat16 on a GPU.
        images: of own images, `data` then being `images`: `image_shape`, `classes`, `mean` and `std`, see `own_images`.
        trainer: further options of Lightning's trainer that change weights, such as `gradient_clip_val`.
        optimizer: `sgd` (Nesterov momentum 0.9) or `adam`.
        adversarial: ε of adversarial training, see `trainers.adversarial`; 0 for none.
        adversarial_steps: steps of its attack.
        gradient_penalty: weight of the loss gradient's squared norm, see `trainers.adversarial`; 0 for none.
        normalise: subtract the data set's mean from the pixels and divide them by its standard deviation.
        snapshots: epochs after which a copy of each source's network is kept as one more source; not the last epoch.

    Raises:
        InputError: a number is out of range.
    """

    data: str
    source: str
    seed: int
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    label_smoothing: float = 0.0
    augment: bool = False
    reduced: bool = False
    images: Mapping[str, Any] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    optimizer: Literal["sgd", "adam"] = "sgd"
    adversarial: float = 0.0
    adversarial_steps: int = 7
    gradient_penalty: float = 0.0
    normalise: bool = False
    snapshots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        least_values = {"seed": 0, "epochs": 1, "batch_size": 1, "weight_decay": 0, "label_smoothing": 0}
        least_values |= {"adversarial": 0, "adversarial_steps": 1, "gradient_penalty": 0}
        for name, least in least_values.items():
            if not least <= getattr(self, name) < inf:
                wanted = "finite" if getattr(self, name) == inf else f"at least {least}"
                raise InputError(f"{name} is {getattr(self, name)}; it must be {wanted}")
        if self.seed > LARGEST_SEED:
            raise InputError(f"seed is {self.seed}; it must be at most {LARGEST_SEED}")
        if not 0 < self.learning_rate < inf:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be above 0, and finite")
        if not self.label_smoothing < 1:
            raise InputError(f"label_smoothing is {self.label_smoothing}; it must be below 1")
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"optimizer is {self.optimizer}; it must be one of {', '.join(OPTIMIZERS)}")
        if any(not 1 <= epoch < self.epochs for epoch in self.snapshots):
            raise InputError(
                f"snapshots is {list(self.snapshots)}; each must be 1 to {self.epochs - 1}: after the last of "
                f"{self.epochs} epochs there is the model itself"
            )

    def recorded(self) -> dict[str, Any]:
        """Returns what a model's manifest holds of the recipe: all of it, but what is as `LEFT_OUT` has it."""
        kept = {name: value for name, value in asdict(self).items() if name not in LEFT_OUT or value != LEFT_OUT[name]}
        if not self.adversarial:
            kept.pop("adversarial_steps", None)
        return kept

    @property
    def data_set(self) -> DataSet:
        """What is known of the images; own ones are normalised by their own mean and standard deviation."""
        if self.images:
            known = own_images(**self.images)
        elif self.normalise:
            known = DATA_SETS[self.data]
        else:
            return DATA_SETS[self.data]
        return replace(known, input_mean=known.mean, input_std=known.std)


@dataclass(frozen=True, kw_only=True)
class ModelPlan:
    """One model to be trained for a zoo.

    Attributes:
        name: name in the zoo.
        role: `source` or `test`.
        number: position among the zoo's seeds, below `SEEDS_PER_ZOO`.
        architecture: name of the architecture, see `lit_adv.models.build.build`.
        arguments: keyword arguments of the architecture.

    Raises:
        InputError: the number is out of range.
    """

    name: str
    role: Literal["source", "test"]
    number: int
    architecture: str
    arguments: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.number >= SEEDS_PER_ZOO:
            raise InputError(f"a zoo has at most {SEEDS_PER_ZOO:,} models of a kind")


def difference(spec: ModelSpec, recipe: Recipe, model: ModelPlan) -> str | None:
    """Names the first setting in which a finished model differs from a planned one; None if there is none."""
    made = {**LEFT_OUT, **spec.training["recipe"], **spec.arguments, "architecture": spec.architecture}
    made |= {"role": spec.role, "snapshots": tuple(made["snapshots"])}
    asked = {**LEFT_OUT, **recipe.recorded(), **model.arguments, "architecture": model.architecture, "role": model.role}
    different = (key for key in {**asked, **spec.arguments} if made.get(key) != asked.get(key))
    return next((f"{key} {made.get(key)}, asked is {asked.get(key)}" for key in different), None)


def is_finished(zoo: Path, name: str) -> bool:
    """Tells whether a model's weights and manifest are in the zoo's folder."""
    return all((zoo / f"{name}.{ending}").exists() for ending in ("safetensors", "json"))
