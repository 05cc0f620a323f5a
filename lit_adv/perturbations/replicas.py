"""Batches of noisy copies, as the work plan asks for them."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Final

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.noise import SEEDS, gaussian_noise
from lit_adv.perturbations.plan import WorkPlan

LARGEST_SIGMA: Final = 100
"""Largest standard deviation of the noise; far above, a model's logits are no numbers any more."""


@dataclass(frozen=True, kw_only=True)
class Replicas:
    """Images of a run with their noisy copies, each made on request; memory does not grow with m or n.

    Attributes:
        images: `[N, C, H, W]` in [0, 1].
        labels: `[N]` int64.
        targets: `[N]` int64, classes to reach; None for an untargeted attack.
        index: `[N]` int64, numbers of the images in their data set, which key the noise.
        sigma: σ, standard deviation of the noise.
        seed: of the noise.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor | None
    index: Tensor
    sigma: float
    seed: int

    def batch(self, plan: WorkPlan, number: int, following: int | None = None) -> ReplicaBatch:
        """Makes a batch of the plan.

        Args:
            plan: plan of the run.
            number: number of the batch.
            following: number of the batch that this process probably does next.
        """
        planned = plan.batch(number)
        models = planned.models
        image = torch.from_numpy(planned.image).repeat(len(models))
        clean = self.images[image]
        noisy = clean
        if self.sigma > 0:
            pairs = list(zip(self.index[planned.image].tolist(), planned.copy.tolist(), strict=True))
            draws = ((model, i, c) for model in models for i, c in pairs)
            noisy = clean + self.sigma * gaussian_noise(self.seed, draws, tuple(clean.shape[1:])).to(clean.dtype)
        then = None if following is None else plan.models_of(following)
        return ReplicaBatch(
            number=planned.index,
            model=models.start,
            models=len(models),
            image=image,
            copy=torch.from_numpy(planned.copy).repeat(len(models)),
            clean=clean,
            noisy=noisy,
            label=self.labels[image],
            target=None if self.targets is None else self.targets[image],
            following=None if then is None else (then.start, len(then)),
        )


def refuse_outside(images: Tensor, index: Tensor) -> None:
    """Refuses images with pixel values outside [0, 1].

    Args:
        images: `[N, C, H, W]`.
        index: `[N]`, the images' numbers for the message.

    Raises:
        InputError: there is one; the message names the first.
    """
    outside = ~((images >= 0) & (images <= 1)).flatten(1).all(1)
    if outside.any():
        first = int(outside.nonzero()[0, 0])
        low, high = images[first].aminmax()
        hint = "; divide them by 255" if 1 < high <= 255 and low >= 0 and images.max() > 2 else ""
        raise InputError(
            f"image {int(index[first])} has pixel values from {low:g} to {high:g}; they must be in [0, 1]{hint}"
        )


def refuse_numbers(*, copies: int, sigma: float, seed: int, batch_size: int) -> None:
    """Refuses numbers of a run that make no sense.

    Raises:
        InputError: one is out of range, or no whole number where it must be; the message names it.
    """
    check_whole("copies", copies, 1)
    check_seed(seed)
    check_whole("batch_size", batch_size, 1)
    if not isinstance(sigma, Real) or not 0 <= sigma <= LARGEST_SIGMA:
        raise InputError(f"sigma is {sigma}; it must be 0 to {LARGEST_SIGMA}, for pixels are in [0, 1]")


def check_seed(seed: int) -> None:
    """Refuses what is no seed of noise.

    Raises:
        InputError: it is no whole number, below 0, or 2^128 or more.
    """
    check_whole("seed", seed, 0)
    if seed >= SEEDS:
        raise InputError(f"seed is {seed}; it must be below 2^128")


def check_whole(name: str, value: float, least: int) -> None:
    """Refuses an option's value that is no whole number or less than `least`.

    Raises:
        InputError: it is; the message names the option.
    """
    if not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} is {value}; it must be a whole number, {least} or more")
