"""Groups of images, choices of answers, and the key with the right answers."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from lit_adv.errors import InputError
from lit_adv.files import read_json, write_json

KEY: Final = "key.json"


@dataclass(frozen=True)
class Trial:
    """One picture.

    Attributes:
        position: of the image in the perturbation set.
        group: its image group, from 1.
        label: the right answer.
        choices: the answers offered, the right one among them.
    """

    position: int
    group: int
    label: str
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Study:
    """The design of a study: everything that its figures depend on, except the answers.

    Attributes:
        perturbations: name, data set and SHA-256 of the perturbation set, and whether it is targeted.
        seed: of groups, choices and file names.
        classes: the set's classes, in the order of their numbers.
        trials: file name of the picture to what belongs to it, in the order of the names.
    """

    perturbations: dict[str, Any]
    seed: int
    classes: tuple[str, ...]
    trials: dict[str, Trial]

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that change with anything in the study."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def groups(self) -> list[list[str]]:
        """Names of each group's pictures."""
        last = max(trial.group for trial in self.trials.values())
        return [[name for name, trial in self.trials.items() if trial.group == g] for g in range(1, last + 1)]

    @property
    def chance(self) -> float:
        """Expected share of right answers of someone who guesses."""
        return float(np.mean([1 / len(trial.choices) for trial in self.trials.values()]))

    def save(self, path: Path) -> None:
        """Writes the key."""
        write_json(path, {"study": self.id, **asdict(self)})

    @classmethod
    def load(cls, path: Path) -> "Study":
        """Reads a key.

        Raises:
            InputError: the file is missing, or not as `save` wrote it.
        """
        content = read_json(path)
        try:
            study = cls(
                perturbations=content["perturbations"],
                seed=content["seed"],
                classes=tuple(content["classes"]),
                trials={
                    name: Trial(trial["position"], trial["group"], trial["label"], tuple(trial["choices"]))
                    for name, trial in content["trials"].items()
                },
            )
            intact = study.id == content["study"]
        except (KeyError, TypeError, AttributeError):
            intact = False
        if not intact:
            raise InputError(f"{path} is not a study's {KEY}, or was changed; take the one that study build wrote")
        return study


def deal(labels: Sequence[int], size: int, generator: np.random.Generator) -> list[int]:
    """Deals images to groups of at most `size`, like cards: shuffled within each class, class after class.

    Any two groups differ by at most one in their number of images, and of images of any class.

    Args:
        labels: `[N]`, N ≥ 1.
        size: at least 1.
        generator: shuffles.

    Returns:
        `[N]`, each image's group from 0.
    """
    groups = -(-len(labels) // size)
    cards = sorted(generator.permutation(len(labels)).tolist(), key=lambda image: labels[image])
    group = [0] * len(labels)
    for place, image in enumerate(cards):
        group[image] = place % groups
    return group


def draw_choices(
    labels: Sequence[int], classes: Sequence[int], count: int, generator: np.random.Generator
) -> list[list[int]]:
    """Draws for each image its label and `count` − 1 other classes, in the order of `classes`.

    Args:
        labels: `[N]`, all among the classes.
        classes: distinct.
        count: 1 to the number of classes.
        generator: draws the others, each with the same probability.

    Returns:
        `[N][count]`.
    """
    offered = []
    for label in labels:
        others = [c for c in classes if c != label]
        drawn = {label, *generator.permutation(others)[: count - 1].tolist()}
        offered.append([c for c in classes if c in drawn])
    return offered
