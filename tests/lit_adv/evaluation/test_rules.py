"""The rules of Tables 4.3 and 4.4 on hand-computed values."""

import torch

from lit_adv.evaluation.recognizability import binary_negative
from lit_adv.evaluation.strength import adversarial_example, random_noise


def test_binary_negative() -> None:
    delta = torch.tensor([-0.3, 0.0, 1e-9, -1e-9, 2.0])
    assert binary_negative(delta).tolist() == [1, 0, 0, 1, 0]


def test_adversarial_example_is_not_clipped() -> None:
    image, delta = torch.tensor([0.0, 1.0, 0.5]), torch.tensor([-1e-6, 7.0, 0.0])
    assert torch.allclose(adversarial_example(image, delta, 0.2), torch.tensor([-0.2, 1.2, 0.5]))


def test_random_noise_has_one_magnitude_and_does_not_depend_on_batches() -> None:
    image = torch.rand(6, 1, 28, 28)
    noisy = random_noise(image, 0.2, seed=1)
    assert torch.allclose((noisy - image).abs(), torch.tensor(0.2).expand_as(image), atol=1e-6)
    assert abs(((noisy - image) > 0).float().mean().item() - 0.5) < 0.05
    assert torch.equal(noisy[4:], random_noise(image[4:], 0.2, seed=1, first=4))
