"""Cosine similarity within a region, by hand and against numpy."""

import math

import numpy as np
import pytest
import torch

from lit_adv.evaluation.similarity import correlation, similarity


def test_by_hand() -> None:
    region = torch.tensor([[[True, True, False]]])
    a = torch.tensor([[[[1.0, 0.0, 9.0]]]])
    b = torch.tensor([[[[1.0, 1.0, -9.0]]]])
    assert torch.allclose(similarity([a, b, -a], region)[0], torch.tensor([1.0, 0.5**0.5, -1.0], dtype=torch.float64))


@pytest.mark.parametrize("size", [1e-38, 1e-15, 1e5])
def test_the_size_does_not_matter(size: float) -> None:
    region = torch.ones(1, 1, 3, dtype=torch.bool)
    a, b = torch.tensor([[[[1.0, 0.0, 2.0]]]]), torch.tensor([[[[1.0, 1.0, -1.0]]]])
    assert torch.allclose(similarity([size * a, b], region), similarity([a, b], region), atol=1e-6)


def test_the_mean_over_images_against_numpy() -> None:
    generator = torch.Generator().manual_seed(0)
    perturbations = [torch.randn(5, 3, 6, 6, generator=generator) for _ in range(3)]
    region = torch.rand(5, 6, 6, generator=generator) > 0.4
    found = similarity(perturbations, region)
    for p in range(3):
        for q in range(3):
            cosines = []
            for i in range(5):
                u, v = (
                    x[i].numpy()[:, region[i].numpy()].ravel().astype(float)
                    for x in (perturbations[p], perturbations[q])
                )
                cosines.append(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
            assert abs(found[p, q].item() - np.mean(cosines)) < 1e-9


def test_perturbations_that_are_zero_count_for_nothing() -> None:
    region = torch.ones(2, 1, 2, dtype=torch.bool)
    a = torch.tensor([[[[1.0, 0.0]]], [[[0.0, 0.0]]]])
    b = torch.tensor([[[[2.0, 0.0]]], [[[0.0, 3.0]]]])
    found = similarity([a, b, 0 * a], region)
    assert found[0, 1] == 1.0
    assert found[1, 1] == 1.0
    assert found[0, 2].isnan()


def test_correlation_against_numpy() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(4, 3, 5, 5, generator=generator) for _ in range(2))
    expected = np.mean([np.corrcoef(a[i].numpy().ravel(), b[i].numpy().ravel())[0, 1] for i in range(4)])
    assert correlation(a, b) == pytest.approx(expected, abs=1e-6)
    assert correlation(a, 3 * a + 1) == pytest.approx(1)


def test_a_constant_picture_correlates_with_nothing() -> None:
    other = torch.rand(2, 1, 2, 2)
    assert correlation(torch.cat([torch.ones(1, 1, 2, 2), 2 * other[1:]]), other) == pytest.approx(1)
    assert math.isnan(correlation(torch.ones(1, 1, 2, 2), other[:1]))
