"""Similarities without noise: known ones are recovered, and noise that two sets share does not pass for similarity."""

import pytest
import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.evaluation.corrected_similarity import corrected, products_of_models, products_of_sets
from lit_adv.evaluation.similarity import similarity
from tests.lit_adv.perturbations.simulated import grouped

M, N_COPIES, IMAGES, PIXELS = 6, 3, 40, 900


def two_sets(alike: float, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Perturbations `[m, n, N, P]` of two attacks: parts in common of cosine `alike`, and the same noise in both."""
    generator = torch.Generator().manual_seed(seed)
    first, other = torch.randn(2, IMAGES, PIXELS, generator=generator, dtype=torch.float64)
    second = alike * first + (1 - alike**2) ** 0.5 * other
    shared = noise * torch.randn(M, N_COPIES, IMAGES, PIXELS, generator=generator, dtype=torch.float64)
    return first + shared, 1e-6 * (second + shared)


def everywhere(images: int = IMAGES, pixels: int = PIXELS) -> Tensor:
    return torch.ones(images, 1, pixels, dtype=torch.bool)


@pytest.mark.parametrize("alike", [0.0, 0.6])
def test_noise_in_both_sets_is_no_similarity(alike: float) -> None:
    made = two_sets(alike, noise=5.0)
    found = corrected(products_of_sets([grouped(one, 3) for one in made], everywhere()))
    averages = [one.mean((0, 1)).view(IMAGES, 1, 1, PIXELS) for one in made]
    assert similarity(averages, everywhere())[0, 1] > alike + 0.2
    assert found.value[0, 1] == pytest.approx(alike, abs=0.03)
    assert found.low[0, 1] < alike < found.high[0, 1]
    assert torch.allclose(found.value.diagonal(), torch.ones(2, dtype=torch.float64))
    assert found.images == IMAGES


def test_without_noise_it_is_the_cosine() -> None:
    made = two_sets(0.4, noise=0.0)
    found = corrected(products_of_sets([grouped(one, 2) for one in made], everywhere()))
    averages = [one.mean((0, 1)).view(IMAGES, 1, 1, PIXELS) for one in made]
    assert torch.allclose(found.value, similarity(averages, everywhere()))


def test_only_the_region_counts() -> None:
    first, second = two_sets(0.5, noise=1.0)
    second[..., 300:] = -first[..., 300:]
    region = everywhere()
    region[..., 300:] = False
    inside = corrected(products_of_sets([grouped(one, 6) for one in (first, second)], region))
    alone = corrected(products_of_sets([grouped(one[..., :300], 6) for one in (first, second)], everywhere(pixels=300)))
    assert torch.allclose(inside.value, alone.value)


def test_images_that_are_zero_count_for_nothing() -> None:
    first, second = two_sets(0.5, noise=1.0)
    second[:, :, 0] = 0
    whole = corrected(products_of_sets([grouped(one, 3) for one in (first, second)], everywhere()))
    others = corrected(products_of_sets([grouped(one[:, :, 1:], 3) for one in (first, second)], everywhere(IMAGES - 1)))
    assert torch.allclose(whole.value, others.value, atol=0.02)
    assert whole.value.isfinite().all()
    nothing = corrected(products_of_sets([grouped(one, 3) for one in (first, 0 * second)], everywhere()))
    assert nothing.value[0, 1].isnan()
    assert nothing.low[0, 1].isnan()
    assert nothing.value[0, 0] == pytest.approx(1)


def test_other_groups_are_refused() -> None:
    first, second = two_sets(0.5, noise=1.0)
    for groups in ((2, 3), (1, 1)):
        with pytest.raises(InputError, match="two groups"):
            products_of_sets([grouped(one, k) for one, k in zip((first, second), groups, strict=True)], everywhere())


def test_models_that_share_features_are_found() -> None:
    generator = torch.Generator().manual_seed(3)
    shape, copies = (IMAGES, PIXELS), 4
    family = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    own = torch.randn(4, *shape, generator=generator, dtype=torch.float64)
    scales = torch.tensor([1.0, 1e-3, 10.0, 1.0])[:, None, None, None]
    signal = family[[0, 0, 1, 1]] + own / 2
    noise = 3 * torch.randn(4, copies, *shape, generator=generator, dtype=torch.float64)
    found = corrected(products_of_models(grouped(scales * (signal[:, None] + noise), 4)))
    truth = 1 / 1.25
    assert found.value[0, 1] == pytest.approx(truth, abs=0.03)
    assert found.value[2, 3] == pytest.approx(truth, abs=0.03)
    assert found.value[0, 2] == pytest.approx(0, abs=0.03)
    assert found.low[0, 1] < found.value[0, 1] < found.high[0, 1]


def test_models_with_one_copy_keep_its_noise() -> None:
    made, _ = two_sets(0.5, noise=1.0)
    found = corrected(products_of_models(grouped(made[:, :1], M)))
    assert found.value[0, 1] == pytest.approx(0.5, abs=0.03)


def test_groups_of_several_models_have_the_cosines_of_their_averages() -> None:
    made, _ = two_sets(0.5, noise=1.0)
    found = corrected(products_of_models(grouped(made, 3)))
    averages = [part.mean((0, 1)).view(IMAGES, 1, 1, PIXELS) for part in made.split(2)]
    assert torch.allclose(found.value, similarity(averages, everywhere()))


def test_many_models_have_intervals() -> None:
    products = torch.rand(3, 100, 100, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    products = products + products.transpose(1, 2) + torch.eye(100)
    found = corrected(products)
    assert (found.low <= found.value + 1e-12).all()
    assert (found.high >= found.value - 1e-12).all()
