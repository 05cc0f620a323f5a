"""Influence: cosines are those of the sums themselves, and a model that sees other things stands out."""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from lit_adv.perturbations.influence import Influence, bound, cosines_with_rest, in_words, influences, z_scores
from lit_adv.perturbations.variance_shares import Scalars
from tests.lit_adv.perturbations.simulated import grouped, simulated


def of(perturbations, groups, label):
    """A stand-in for a set with these sums."""
    sums = grouped(perturbations, groups)

    def part(rows):
        return replace(
            sums, total=sums.total[:, rows], square_norms=sums.square_norms[:, rows], squares=sums.squares[rows]
        )

    sources = [SimpleNamespace(name=f"model-{place}") for place in range(len(perturbations))]
    manifest = SimpleNamespace(sources=sources)
    return SimpleNamespace(groups=sums.models, grouped=part, label=label, image=sums.total[0], manifest=manifest)


def example(seed=0, models=12, **settings):
    generator = torch.Generator().manual_seed(seed)
    return simulated(generator, common=0.3, model=0.3, models=models, copies=2, images=20, pixels=400, **settings)


LABEL = torch.arange(20) % 4


@pytest.mark.parametrize("groups", [12, 5])
def test_cosines_are_those_with_the_sum_of_the_others(groups):
    made = example()
    sums = grouped(made, groups)
    found = cosines_with_rest(Scalars.of(sums))
    for k in range(groups):
        rest = sums.total.sum(0) - sums.total[k]
        expected = functional.cosine_similarity(sums.total[k].flatten(1), rest.flatten(1))
        np.testing.assert_allclose(found[:, k], expected.numpy(), atol=1e-12)


def test_alike_models_do_not_stand_out_whatever_their_scale():
    found = influences(of(example(scatter=1.0), 12, LABEL))
    assert not any(one.stands_out for one in found)
    assert in_words(found, "abcd")[-1] == "None stands out."


def test_a_model_that_sees_something_else_stands_out_by_all_images():
    made = example()
    made[4] = example(seed=9, models=1)[0]
    found = influences(of(made, 12, LABEL))
    assert [one.models for one in found if one.stands_out] == [("model-4",)]
    assert min(found, key=lambda one: one.z).models == ("model-4",)
    [line] = in_words(found, "abcd")[1:]
    assert line.startswith("model-4 stands out: cosine")


def test_a_model_that_has_one_class_wrong_stands_out_by_that_class():
    made = example()
    made[7][:, LABEL == 2] *= -1
    found = influences(of(made, 12, LABEL))
    odd = found[7]
    assert (odd.label, odd.stands_out) == (2, True)
    assert odd.label_z == min(one.label_z for one in found) < odd.z < -10
    assert "lowest for c (z −" in in_words(found, "abcd")[1]


def test_few_groups_and_images_without_perturbations():
    assert influences(of(example(), 9, LABEL)) == ()
    few = influences(of(example(), 12, torch.arange(20) % 5))
    assert {one.label for one in few} == {-1}
    made = example()
    made[:, :, 0] = 0
    made[3, :, 1] = 0
    assert all(np.isfinite(one.cosine) for one in influences(of(made, 12, LABEL)))
    made[3] = 0
    assert influences(of(made, 12, LABEL)) == ()
    assert in_words((), "abcd") == []


def test_z_scores_of_equal_values_are_0():
    assert z_scores(np.array([0.5, 0.5, 0.5, 0.1])).tolist() == [0, 0, 0, 0]
    assert z_scores(np.arange(5.0)).tolist() == pytest.approx([-1.349, -0.6745, 0, 0.6745, 1.349])


def test_it_is_read_back_from_json():
    for one in influences(of(example(), 12, LABEL)):
        content = asdict(one)
        assert Influence.from_json({**content, "models": [*content["models"]], "newer": 1}) == one


@pytest.mark.parametrize("groups", [10, 40])
@pytest.mark.parametrize("classes", [1, 10])
def test_ordinary_groups_seldom_stand_out(groups, classes):
    drawn = np.random.default_rng(5).standard_normal((1000, classes, groups))
    lowest = [min(z_scores(row).min() for row in one) for one in drawn]
    assert np.mean(np.array(lowest) < bound(groups, classes)) < 0.045


def test_the_bound_is_farther_out_of_few_groups_and_of_many_classes():
    assert bound(10) < bound(20) < bound(60) < -3.5
    assert bound(20, 40) < bound(20, 10) < bound(20)
