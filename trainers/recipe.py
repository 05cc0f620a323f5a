"""Training settings that all models of a zoo share, and those of each."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, Final, Literal

from lit_adv.data_sets import DATA_SETS, DataSet, own_images
from lit_adv.errors import InputError
from lit_adv.zoo.model_spec import ModelSpec

SEEDS_PER_ZOO: Final = 1_000_000
"""Model i of the zoo of seed s is initialised with s·1,000,000 + i, so that zoos of different seeds share no model."""
LARGEST_SEED: Final = 2**63 // SEEDS_PER_ZOO - 1
"""Largest seed of a zoo; torch's are below 2⁶³."""


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

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("epochs", 1), ("batch_size", 1), ("weight_decay", 0), ("label_smoothing", 0)):
            if not least <= getattr(self, name) < inf:
                wanted = "finite" if getattr(self, name) == inf else f"at least {least}"
                raise InputError(f"{name} is {getattr(self, name)}; it must be {wanted}")
        if self.seed > LARGEST_SEED:
            raise InputError(f"seed is {self.seed}; it must be at most {LARGEST_SEED}")
        if not 0 < self.learning_rate < inf:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be above 0, and finite")
        if not self.label_smoothing < 1:
            raise InputError(f"label_smoothing is {self.label_smoothing}; it must be below 1")

    def recorded(self) -> dict[str, Any]:
        """Returns what a model's manifest holds of the recipe: all of it, but no empty `images` or `trainer`."""
        return {name: value for name, value in asdict(self).items() if value != {}}

    @property
    def data_set(self) -> DataSet:
        """What is known of the images; own ones are normalised by their own mean and standard deviation."""
        if not self.images:
            return DATA_SETS[self.data]
        known = own_images(**self.images)
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
    made = {"images": {}, "trainer": {}, **spec.training["recipe"], **spec.arguments, "architecture": spec.architecture}
    asked = {**asdict(recipe), **model.arguments, "architecture": model.architecture, "role": model.role}
    made["role"] = spec.role
    different = (key for key in asked if made.get(key) != asked[key])
    return next((f"{key} {made.get(key)}, asked is {asked[key]}" for key in different), None)


def is_finished(zoo: Path, name: str) -> bool:
    """Tells whether a model's weights and manifest are in the zoo's folder."""
    return all((zoo / f"{name}.{ending}").exists() for ending in ("safetensors", "json"))
