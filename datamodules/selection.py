"""Images that an experiment uses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.perturbations.noise import Stream
from lit_adv.perturbations.replicas import refuse_outside


@dataclass(frozen=True)
class Selection:
    """Images of an experiment.

    Attributes:
        index: positions in the data set, `[N]` int64; they key the noise.
        images: `[N, C, H, W]` float32 in [0, 1].
        labels: classes, `[N]` int64.
        targets: target classes, `[N]` int64, where the attack is targeted.

    Raises:
        InputError: a pixel value is outside [0, 1].
    """

    index: Tensor
    images: Tensor
    labels: Tensor
    targets: Tensor | None = None

    def __post_init__(self) -> None:
        refuse_outside(self.images, self.index)


def first_per_class(images: Tensor, labels: Tensor, per_class: int | None, classes: int) -> Selection:
    """Selects the first images of each class, class by class (thesis 4.6.1), or all images in their order.

    Args:
        images: `[N, C, H, W]` float32 in [0, 1].
        labels: `[N]` int64, 0 ≤ label < `classes`.
        per_class: number of images of each class, at least 1; None for all.
        classes: number of classes.

    Raises:
        InputError: a label is out of range, or a class has too few images.
    """
    check_labels(labels, classes)
    if per_class is None:
        return Selection(torch.arange(len(labels)), images, labels)
    counts = torch.bincount(labels, minlength=classes)
    if (fewest := int(counts.min())) < per_class:
        raise InputError(f"class {int(counts.argmin())} has {fewest} images, per_class asks for {per_class}; lower it")
    index = torch.cat([(labels == c).nonzero()[:per_class, 0] for c in range(classes)])
    return Selection(index, images[index], labels[index])


def with_targets(selection: Selection, targets: Mapping[int, int], classes: int) -> Selection:
    """Selects the images of the classes in `targets`, each with its target class (thesis 4.8.5).

    Args:
        selection: images to select from.
        targets: target class of each label.
        classes: number of classes.

    Raises:
        InputError: a label or target is out of range, a target is its label, or no image is left.
    """
    for label, target in targets.items():
        if not (0 <= label < classes and 0 <= target < classes):
            raise InputError(f"targets: target {target} of class {label}: classes are 0 to {classes - 1}")
        if label == target:
            raise InputError(f"targets: class {label} has itself as target; give another class")
    chosen = torch.tensor([label in targets for label in selection.labels.tolist()], dtype=torch.bool)
    if not chosen.any():
        raise InputError(
            f"targets: no image is of a class that has a target ({', '.join(map(str, targets)) or 'none has'})"
        )
    labels = selection.labels[chosen]
    wanted = torch.tensor([targets[label] for label in labels.tolist()])
    return Selection(selection.index[chosen], selection.images[chosen], labels, wanted)


def with_random_targets(selection: Selection, seed: int, classes: int) -> Selection:
    """Gives each image a target of its own, any class but its label with the same probability.

    A target depends on the seed, the label and the image's position in the data set: not on what else is selected.

    Args:
        selection: images, `index` their positions.
        seed: of the draws.
        classes: K, number of classes.
    """
    draws = np.random.Generator(np.random.Philox(key=seed, counter=[Stream.TARGETS << 32, 0, 0, 0]))
    steps = torch.from_numpy(draws.integers(1, classes, int(selection.index.max()) + 1))
    return replace(selection, targets=(selection.labels + steps[selection.index]) % classes)


def doubles(images: Tensor) -> list[tuple[int, int]]:
    """Returns the positions of each image that is the same as an earlier one, and of that: (earlier, later)."""
    first: dict[bytes, int] = {}
    seen = [
        (first.setdefault(sha256(image.numpy().tobytes()).digest(), place), place) for place, image in enumerate(images)
    ]
    return [(one, other) for one, other in seen if one != other]


def check_labels(labels: Tensor, classes: int, file: Path | None = None) -> None:
    """Refuses labels outside 0 … classes − 1.

    Args:
        labels: `[N]`.
        classes: number of classes.
        file: where they are from, for the message.

    Raises:
        InputError: a label is outside; the message names the first and its position.
    """
    if (wrong := ((labels < 0) | (labels >= classes)).nonzero()).numel():
        at = int(wrong[0, 0])
        where = "" if file is None else f"{file}: "
        raise InputError(
            f"{where}label {int(labels[at])} of image {at} is out of range; the models know 0 to {classes - 1}"
        )
