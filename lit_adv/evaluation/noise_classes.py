"""Classes that models see in pure noise (thesis 5.4, the vanishing cat)."""

from collections import Counter
from collections.abc import Sequence

import torch

from lit_adv.attacks.attack import Model
from lit_adv.evaluation.judge import judge_says
from lit_adv.perturbations.noise import Stream, gaussian_noise

BATCH = 100


def noise_classes(
    model: Model,
    image_shape: tuple[int, int, int],
    mean: Sequence[float],
    std: Sequence[float],
    draws: int,
    seed: int = 0,
    name: str = "",
) -> list[tuple[int, float]]:
    """Returns the classes that a model gives Gaussian noise with a data set's statistics, by falling share.

    Args:
        model: images `[B, C, H, W]` to logits `[B, K]`.
        image_shape: `(C, H, W)`.
        mean: of each channel.
        std: of each channel.
        draws: how many noise images.
        seed: of the noise.
        name: the model's, for messages.

    Raises:
        InputError: some of its logits are NaN or infinite.
    """
    found: Counter[int] = Counter()
    middle, scale = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
    for first in range(0, draws, BATCH):
        numbers = ((0, first + i, 0) for i in range(min(BATCH, draws - first)))
        with torch.no_grad():
            noise = gaussian_noise(seed, numbers, image_shape, stream=Stream.CLASSES)
            logits = judge_says(model, middle + scale * noise, name, range(first, draws))
        found.update(logits.argmax(1).tolist())
    return [(label, times / draws) for label, times in found.most_common()]
