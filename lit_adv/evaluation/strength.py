"""Adversarial examples of equal norm (thesis 4.8.3, Table 4.4)."""

from torch import Tensor

from lit_adv.perturbations.noise import Stream, gaussian_noise


def adversarial_example(image: Tensor, perturbation: Tensor, epsilon: float) -> Tensor:
    """x + ε·sign(δ) (Eq. 4.3), not clipped; all `[N, C, H, W]`."""
    return image + epsilon * perturbation.sign()


def random_noise(image: Tensor, epsilon: float, seed: int = 0, first: int = 0) -> Tensor:
    """x with ±ε at random in every pixel, the reference for Eq. 4.3; not clipped.

    Args:
        image: `[N, C, H, W]`.
        epsilon: ε.
        seed: of the signs.
        first: the position of `image[0]` in its set, so that the signs do not depend on batches.
    """
    draws = ((0, first + i, 0) for i in range(len(image)))
    return image + epsilon * gaussian_noise(seed, draws, tuple(image.shape[1:]), stream=Stream.SIGNS).sign().to(image)
