"""Training images made of perturbations: with their digits, alone, or on noise; dealt right, or shuffled."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.evaluation.strength import CHANGED, Scale
from lit_adv.perturbations.perturbation_set import PerturbationSet

Input = Literal["image", "delta", "noise"]
"""What a network is trained on: x + δ, δ alone, or uniform noise + δ."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What perturbations are turned into.

    Attributes:
        input: what they are added to.
        scale: their size.
        epsilon: ε of `norm` and `sign`.
        seed: of the noise, and of the dealing.
        shuffled: whether each perturbation is dealt to another image, the labels staying: a control.
    """

    input: Input
    scale: Scale = "norm"
    epsilon: float
    seed: int = 0
    shuffled: bool = False

    def images(self, image: Tensor, perturbation: Tensor) -> Tensor:
        """Returns the training images `[N, C, H, W]`, not clipped, of images and perturbations of that shape."""
        generator = torch.Generator().manual_seed(self.seed)
        if self.shuffled:
            order = torch.randperm(len(image), generator=generator)
            dealt = torch.empty_like(perturbation)
            dealt[order] = perturbation[order.roll(1)]  # a cycle: none keeps its own
            perturbation = dealt
        if self.input == "delta":
            base = torch.zeros_like(image)
        elif self.input == "noise":
            base = torch.rand(image.shape, generator=generator)
        else:
            base = image
        return CHANGED[self.scale](base, perturbation, self.epsilon)

    def __str__(self) -> str:
        """Names it, for folders and recipes."""
        size = self.scale if self.scale == "own" else f"{self.scale}{self.epsilon:g}"
        return f"{self.input}-{size}-seed{self.seed}{'-shuffled' * self.shuffled}"


def average_of(found: PerturbationSet, models: int, copies: int) -> Tensor:
    """Returns the set's average `[N, C, H, W]` over its first `models` models and `copies` copies, in the run's order.

    Raises:
        InputError: the set does not keep it.
    """
    if (models, copies) == size_of(found):
        return found.perturbation
    kept = found.kept
    sizes = list(kept.sizes()) if kept is not None and kept.cells.growth else []
    if kept is None or (models, copies) not in sizes:
        few = ", ".join(f"{m}x{n}" for m, n in sizes) or "{}x{} only; make it with --growth".format(*size_of(found))
        raise InputError(f"{found.name} keeps no average over {models} models and {copies} copies; it keeps {few}")
    return kept.averages(models, copies)[0]


def spoken_for(found: PerturbationSet, own: PerturbationSet | None, models: int, copies: int) -> tuple[Tensor, Tensor]:
    """Returns averages `[N, C, H, W]`, as `average_of`, and the class that each speaks for `[N]`: its target.

    Targets are never an image's own class, and so δ also says what the image is not. For the images of `own`, an
    untargeted set of some of the same images, −δ takes the place, which speaks for the own class.

    Raises:
        InputError: a set does not keep the average, or `own` is targeted or of other images.
    """
    assert found.target is not None
    delta, classes = average_of(found, models, copies), found.target
    if own is None:
        return delta, classes
    place = {index: row for row, index in enumerate(found.manifest.data.images)}
    indices = own.manifest.data.images
    rows = [place[index] for index in indices if index in place]
    if own.target is not None or len(rows) < len(indices) or not torch.equal(own.image, found.image[rows]):
        raise InputError(f"own: {own.name} must be untargeted, and of some of the images of {found.name}")
    delta, classes = delta.clone(), classes.clone()
    delta[rows], classes[rows] = -average_of(own, models, copies), own.label
    return delta, classes


def size_of(found: PerturbationSet) -> tuple[int, int]:
    """Returns numbers of models and copies of a set."""
    return len(found.manifest.sources), found.manifest.copies
