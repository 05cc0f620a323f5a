"""Eq. 4.2 on a real network in float32: at δ = 0 the attack sees exactly f(x)."""

import torch
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem
from lit_adv.attacks.calibration import calibration
from lit_adv.models.vgg import vgg16_like


class Spy(Attack):
    """Keeps the logits that an attack sees at δ = 0."""

    def _perturb(self, problem: Problem) -> Tensor:
        self.seen = problem.logits(problem.images)
        return torch.zeros_like(problem.images)


def test_at_zero_the_attack_sees_exactly_the_clean_logits() -> None:
    torch.manual_seed(0)
    model = vgg16_like(width=2).eval().requires_grad_(False)
    clean = torch.rand(3, 1, 28, 28).repeat_interleave(4, 0)
    noisy = clean + 0.2 * torch.randn_like(clean)
    spy = Spy()
    spy(model, noisy, torch.zeros(12, dtype=torch.int64), calibration=calibration(model, clean, noisy))
    assert not torch.equal(model(noisy), model(clean))
    assert torch.equal(spy.seen, model(clean[::4]).double().repeat_interleave(4, 0))


def test_stacked_models_each_get_their_own() -> None:
    """Exactly what each model gives alone, also where neighbouring models' rows hold the same image."""
    weight = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def stack(x: Tensor) -> Tensor:
        return torch.cat([part.flatten(1) @ w for part, w in zip(x.chunk(3), weight, strict=True)])

    two, one_only = torch.rand(2, 1, 2, 2).double().repeat_interleave(3, 0), torch.rand(1, 1, 2, 2).double()
    for images in (two, one_only.repeat(6, 1, 1, 1)):
        noisy = images.repeat(3, 1, 1, 1) + torch.rand(18, 1, 2, 2)
        found = calibration(stack, images.repeat(3, 1, 1, 1), noisy, models=3)
        for g in range(3):
            one = calibration(lambda x, g=g: x.flatten(1) @ weight[g], images, noisy[6 * g : 6 * g + 6])  # type: ignore[misc]
            assert torch.equal(found[6 * g : 6 * g + 6], one)


def test_repeated_images_are_told_apart_from_changed_ones() -> None:
    clean = torch.tensor([1.0, 1.0, 2.0, 1.0]).view(4, 1, 1, 1)
    seen: list[int] = []

    def model(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x.flatten(1) * torch.tensor([[1.0, 10.0]])

    found = calibration(model, clean, clean + 0.5)
    assert torch.equal(found, torch.tensor([[-0.5, -5.0]], dtype=torch.float64).expand(4, 2))
    assert seen == [3, 4]
