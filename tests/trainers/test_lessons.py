"""What perturbations are turned into, by closed forms."""

from typing import Any

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, predict
from trainers.lessons import Lesson, average_of, size_of

IMAGE = torch.rand(50, 1, 4, 4)
DELTA = torch.randn(50, 1, 4, 4) * torch.logspace(-9, 0, 50).view(-1, 1, 1, 1)


def made(**settings: Any) -> torch.Tensor:
    return Lesson(**{"input": "delta", "epsilon": 0.2, **settings}).images(IMAGE, DELTA)


def test_scales() -> None:
    norm = made()
    torch.testing.assert_close(norm.flatten(1).norm(dim=1), torch.full((50,), 0.2 * 4))
    torch.testing.assert_close(torch.cosine_similarity(norm.flatten(1), DELTA.flatten(1), eps=0), torch.ones(50))
    assert torch.equal(made(scale="sign"), 0.2 * DELTA.sign())
    assert torch.equal(made(scale="own"), DELTA)


def test_inputs_differ_by_what_is_below() -> None:
    torch.testing.assert_close(made(input="image") - made(), IMAGE)
    noise = made(input="noise", scale="own") - DELTA
    assert noise.min() > -1e-6
    assert noise.max() < 1 + 1e-6
    assert noise.std() == pytest.approx(12**-0.5, abs=0.02)
    assert torch.equal(made(input="noise"), made(input="noise"))
    assert not torch.equal(made(input="noise"), made(input="noise", seed=1))


def test_shuffling_deals_every_perturbation_to_another_image() -> None:
    dealt = made(scale="own", shuffled=True)
    assert not (dealt == DELTA).flatten(1).all(1).any()
    assert torch.equal(dealt.flatten(1).sort(0).values, DELTA.flatten(1).sort(0).values)
    assert str(Lesson(input="image", epsilon=0.2, shuffled=True)) == "image-norm0.2-seed0-shuffled"
    assert str(Lesson(input="image", scale="own", epsilon=0.2, seed=3)) == "image-own-seed3"


def test_averages_over_fewer_models_and_copies(zoo: Zoo, tmp_path: Any) -> None:
    words = [*TINY, "--data.copies", "2", "--data.split", "training"]
    grown = predict("mnist-nmm-gradient", zoo, tmp_path / "grown", *words, "--growth")
    assert size_of(grown) == (3, 2)
    assert torch.equal(average_of(grown, 3, 2), grown.perturbation)
    single = predict(
        "mnist-mm-gradient", zoo, tmp_path / "one", *words[:-4], "--data.split", "training", "--data.sigma", "0.2"
    )
    torch.testing.assert_close(average_of(grown, 3, 1), single.perturbation)
    with pytest.raises(InputError, match="keeps no average over 7 models and 1 copies; it keeps 1x1, 1x2, 2x1, 2x2"):
        average_of(grown, 7, 1)
    with pytest.raises(InputError, match="it keeps 3x1 only; make it with --growth"):
        average_of(single, 1, 1)
    assert isinstance(grown, PerturbationSet)
