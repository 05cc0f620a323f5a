"""Rendering as SPEC section 5 says, on hand-computed values."""

import torch

from lit_adv.render import show_targeted, show_untargeted


def test_untargeted_has_the_statistics_and_the_minus_sign() -> None:
    delta = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)
    # −δ = (−1, −3): mean −2, standard deviation 1 → (0.3 + 0.1, 0.3 − 0.1).
    assert torch.allclose(show_untargeted(delta, 0.3, 0.1).flatten(), torch.tensor([0.4, 0.2]))


def test_each_picture_is_scaled_by_itself() -> None:
    delta = torch.randn(2, 1, 8, 8) * torch.tensor([1.0, 100.0]).view(2, 1, 1, 1)
    shown = show_untargeted(delta, 0.13, 0.31)
    assert torch.allclose(shown.mean((1, 2, 3)), torch.tensor(0.13).expand(2), atol=1e-5)
    assert torch.allclose(shown.std((1, 2, 3), correction=0), torch.tensor(0.31).expand(2), atol=1e-5)


def test_nothing_shows_as_the_mean() -> None:
    assert torch.equal(show_untargeted(torch.zeros(1, 1, 2, 2), 0.5, 0.2), torch.full((1, 1, 2, 2), 0.5))


def test_targeted_keeps_sign_and_proportion() -> None:
    delta = torch.tensor([[-0.2, 0.1]]).view(1, 1, 1, 2)
    assert torch.allclose(show_targeted(delta, 0.5).flatten(), torch.tensor([-0.5, 0.25]))
    assert torch.equal(show_targeted(torch.zeros(1, 1, 1, 2)), torch.zeros(1, 1, 1, 2))
