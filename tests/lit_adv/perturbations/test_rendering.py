"""Rendering as SPEC section 5 says, on hand-computed values."""

import torch

from lit_adv.perturbations.rendering import as_bytes, matched, show_targeted, strongest


def test_untargeted_has_the_statistics_and_the_minus_sign() -> None:
    delta = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)
    # −δ = (−1, −3): mean −2, standard deviation 1 → (0.3 + 0.1, 0.3 − 0.1).
    assert torch.allclose(matched(-delta, [0.3], [0.1]).flatten(), torch.tensor([0.4, 0.2]))


def test_each_channel_of_each_picture_is_scaled_by_itself() -> None:
    delta = torch.randn(2, 3, 8, 8) * torch.tensor([1.0, 100.0]).view(2, 1, 1, 1) + torch.arange(3).view(3, 1, 1)
    mean, std = torch.tensor([0.13, 0.5, 0.4]), torch.tensor([0.31, 0.2, 0.1])
    shown = matched(delta, mean.tolist(), std.tolist())
    assert torch.allclose(shown.mean((2, 3)), mean.expand(2, 3), atol=1e-5)
    assert torch.allclose(shown.std((2, 3), correction=0), std.expand(2, 3), atol=1e-5)


def test_the_size_of_a_perturbation_does_not_show() -> None:
    delta = torch.randn(2, 3, 8, 8)
    for size in (1e-30, 1e-20, 1e6):
        assert torch.allclose(
            matched(size * delta, [0.5] * 3, [0.2] * 3), matched(delta, [0.5] * 3, [0.2] * 3), atol=1e-5
        )


def test_nothing_shows_as_the_mean() -> None:
    assert torch.equal(matched(torch.zeros(1, 1, 2, 2), [0.5], [0.2]), torch.full((1, 1, 2, 2), 0.5))


def test_targeted_keeps_sign_and_proportion() -> None:
    delta = torch.tensor([[-0.2, 0.1]]).view(1, 1, 1, 2)
    assert torch.allclose(show_targeted(delta, 0.5).flatten(), torch.tensor([-0.5, 0.25]))
    assert torch.equal(show_targeted(torch.zeros(1, 1, 1, 2)), torch.zeros(1, 1, 1, 2))


def test_only_what_is_above_the_mean_magnitude_stays() -> None:
    perturbation = torch.tensor([[[[1.0, -2.0], [3.0, -6.0]]], [[[0.0, 0.0], [0.0, 4.0]]]])
    assert strongest(perturbation).tolist() == [[[[0, 0], [3, -6]]], [[[0, 0], [0, 4]]]]


def test_pictures_in_bytes() -> None:
    picture = torch.tensor([-1.0, 0.0, 0.25, 1.0, 2.0, 0.999]).reshape(1, 3, 1, 2)
    found = as_bytes(picture)
    assert found.shape == (1, 1, 2, 3)
    assert found.transpose(0, 3, 1, 2).ravel().tolist() == [0, 0, 64, 255, 255, 255]
