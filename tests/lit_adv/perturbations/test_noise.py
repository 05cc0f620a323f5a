"""Noise belongs to (seed, model, image, copy) and to nothing else."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_adv.perturbations.noise import gaussian_noise

triple = st.tuples(*[st.integers(0, 2**40)] * 3)


@settings(max_examples=30)
@given(st.integers(0, 2**63), st.lists(triple, min_size=2, max_size=5, unique=True))
def test_a_draw_does_not_depend_on_its_company(seed: int, draws: list[tuple[int, int, int]]) -> None:
    together = gaussian_noise(seed, draws, (1, 3, 3))
    torch.manual_seed(0)
    alone = [gaussian_noise(seed, [d], (1, 3, 3)) for d in reversed(draws)]
    assert torch.equal(together, torch.cat(alone[::-1]))
    assert len({tuple(row.flatten().tolist()) for row in together}) == len(draws)
    assert not torch.equal(together, gaussian_noise(seed + 1, draws, (1, 3, 3)))


def test_the_stream_is_the_published_one() -> None:
    """These digits make runs of different machines and versions comparable; they must never change."""
    found = gaussian_noise(7, [(3, 5, 2)], (1, 1, 4)).flatten()
    assert torch.allclose(found, torch.tensor([-1.923198, 0.8267915, 0.325198, -0.3059809]), atol=1e-6), found.tolist()


def test_standard_normal() -> None:
    draws = gaussian_noise(0, [(0, i, j) for i in range(20) for j in range(20)], (1, 28, 28))
    assert abs(draws.mean().item()) < 0.01
    assert abs(draws.std().item() - 1) < 0.01
    neighbours = (draws[1:] * draws[:-1]).mean()
    assert abs(neighbours.item()) < 0.01
