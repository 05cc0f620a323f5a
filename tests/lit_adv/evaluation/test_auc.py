"""Areas under ROC curves: chance, invariance, a peer, the jackknife by deletion, p-values uniform by chance."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lit_adv.evaluation.auc import mean_auc, permutation_p, prior_off, pseudo_values

CLASSES = torch.tensor([2, 3, 5, 7])


def drawn(seed: int, images: int, signal: float = 0.0, ties: bool = False) -> tuple[Tensor, Tensor]:
    """Logits `[N, 4]` and wanted classes `[N]`; the wanted class's logit is larger by `signal`."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.randint(len(CLASSES), (images,), generator=generator)
    logits = torch.randn(images, len(CLASSES), generator=generator, dtype=torch.float64)
    logits += signal * torch.nn.functional.one_hot(place, len(CLASSES))
    return (logits.round() if ties else logits), CLASSES[place]


def by_pairs(logits: Tensor, wanted: Tensor) -> float:
    """The mean area, from all pairs."""
    areas = []
    for column, c in enumerate(CLASSES):
        own, others = logits[wanted == c, column], logits[wanted != c, column]
        if len(own) and len(others):
            difference = own[:, None] - others[None]
            areas.append(float(((difference > 0).double() + 0.5 * (difference == 0).double()).mean()))
    return sum(areas) / len(areas) if areas else math.nan


@given(st.integers(0, 1000), st.integers(1, 30), st.booleans())
def test_areas_and_their_jackknife_are_those_of_plain_computations(seed: int, images: int, ties: bool) -> None:
    logits, wanted = drawn(seed, images, 0.5, ties)
    whole = by_pairs(logits, wanted)
    assert mean_auc(logits, CLASSES, wanted) == pytest.approx(whole, nan_ok=True)
    without = [
        by_pairs(logits[keep], wanted[keep]) for keep in (torch.arange(images) != image for image in range(images))
    ]
    expected = [images * whole - (images - 1) * one for one in without]
    assert pseudo_values(logits, CLASSES, wanted).tolist() == pytest.approx(expected, nan_ok=True)


def test_one_class_is_torchmetrics() -> None:
    from torchmetrics.functional.classification import binary_auroc

    logits, wanted = drawn(3, 50, 0.7, ties=True)
    areas = [float(binary_auroc(logits[:, i], wanted == c)) for i, c in enumerate(CLASSES)]
    assert mean_auc(logits, CLASSES, wanted) == pytest.approx(sum(areas) / len(areas))


def test_a_constant_added_to_a_logit_changes_nothing() -> None:
    logits, wanted = drawn(4, 60, 0.8)
    moved = logits + torch.tensor([0.0, 50.0, -3.0, 0.0])
    assert bool((moved.argmax(1) == 1).all())
    assert mean_auc(moved, CLASSES, wanted) == mean_auc(logits, CLASSES, wanted)
    assert torch.equal(pseudo_values(moved, CLASSES, wanted), pseudo_values(logits, CLASSES, wanted))
    assert permutation_p([moved], CLASSES, wanted, 99) == permutation_p([logits], CLASSES, wanted, 99)
    assert torch.equal(prior_off(moved).argmax(1), prior_off(logits).argmax(1))


def test_shuffled_labels_are_chance() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, wanted = drawn(5, 200, 3.0)
    assert mean_auc(logits, CLASSES, wanted) > 0.9
    shuffled = [mean_auc(logits, CLASSES, wanted[torch.randperm(200, generator=generator)]) for _ in range(100)]
    assert sum(shuffled) / 100 == pytest.approx(0.5, abs=0.01)


def test_p_is_uniform_by_chance_and_small_where_there_is_a_signal() -> None:
    by_chance = torch.tensor(
        [permutation_p([drawn(2 * seed, 30)[0]], CLASSES, drawn(2 * seed + 1, 30)[1], 99, seed) for seed in range(200)]
    )
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):  # four standard deviations
        assert float((by_chance <= level).double().mean()) == pytest.approx(
            level, abs=4 * (level * (1 - level) / 200) ** 0.5
        )
    logits, wanted = drawn(6, 60, 1.0)
    assert permutation_p([logits, drawn(7, 60)[0]], CLASSES, wanted, 999) <= 0.01
    assert permutation_p([logits], CLASSES, wanted, 999, seed=1) == permutation_p(
        [logits], CLASSES, wanted, 999, seed=1
    )


def test_many_judges_are_their_mean() -> None:
    """Two judges that are mirror images of each other know nothing together."""
    logits, wanted = drawn(8, 60, 2.0)
    assert permutation_p([logits, -logits], CLASSES, wanted, 99) == 1.0  # every permutation's mean is 0.5 too


def test_where_there_is_nothing_to_tell_apart() -> None:
    logits, wanted = drawn(9, 5)[0], torch.full((5,), 3)
    assert math.isnan(mean_auc(logits, CLASSES, wanted))
    assert math.isnan(permutation_p([logits], CLASSES, wanted, 9))
    assert bool(pseudo_values(logits, CLASSES, wanted).isnan().all())


def test_the_jackknife_gives_the_spread_over_samples() -> None:
    areas, variances = [], []
    for seed in range(200):
        logits, wanted = drawn(seed, 80, 0.8)
        areas.append(mean_auc(logits, CLASSES, wanted))
        variances.append(float(pseudo_values(logits, CLASSES, wanted).var()) / 80)
    assert sum(variances) / 200 == pytest.approx(float(torch.tensor(areas).var()), rel=0.35)


def test_ten_thousand_images_take_no_time_to_speak_of() -> None:
    """A square of pairs would need 10⁸ numbers for each class."""
    logits, wanted = drawn(10, 10_000, 0.1)
    assert float(pseudo_values(logits, CLASSES, wanted).mean()) == pytest.approx(
        mean_auc(logits, CLASSES, wanted), abs=1e-3
    )
