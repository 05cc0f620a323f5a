"""Evaluations against a plain computation, in any batches and for any judge."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import lit_adv
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.evaluation.answers import commonest
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.intervals import wilson
from lit_adv.evaluation.rules import Rules
from lit_adv.evaluation.strength import random_noise
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.source_records import SourceRecord
from lit_adv.zoo.zoo import Zoo


def small_set(targeted: bool = False) -> PerturbationSet:
    """Twelve images of cats, dogs and ships, perturbed by one source model; targeted, each towards frog."""
    generator = torch.Generator().manual_seed(5)
    return PerturbationSet(
        perturbation=torch.randn(12, 3, 32, 32, generator=generator) * 0.01,
        image=torch.rand(12, 3, 32, 32, generator=generator),
        label=torch.tensor([3, 5, 8]).repeat_interleave(4),
        target=torch.full((12,), 6) if targeted else None,
        count=torch.full((12,), 6),
        manifest=Manifest(
            setting="NMM",
            attack=AttackRecord("BIM"),
            data=DataRecord("cifar10"),
            sources=(SourceRecord("s", "sha256:source"),),
        ),
    )


def judge(seed: int, classes: int = 10) -> Callable[[Tensor], Tensor]:
    weight = torch.randn(3 * 32 * 32, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return lambda x: x.double().flatten(1) @ weight


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_every_share_is_that_of_a_plain_computation(targeted: bool, batch_size: int) -> None:
    one = small_set(targeted)
    found = evaluate(one, {"a": judge(0), "b": judge(1)}, epsilon=0.03, seed=4, batch_size=batch_size)
    sign = 1 if targeted else -1
    delta = sign * one.perturbation
    std, mean = torch.std_mean(delta, (2, 3), keepdim=True, correction=0)
    net = DATA_SETS["imagenet"]
    matched = (delta - mean) / std * torch.tensor(net.std).view(-1, 1, 1) + torch.tensor(net.mean).view(-1, 1, 1)
    pictures = {
        "clean": (one.image, one.label),
        "noise": (random_noise(one.image, 0.03, 4), one.label),
        "attack": (one.image + 0.03 * one.perturbation.sign(), one.label),
        "recognized": (0.05 * matched, one.wanted),
    }
    for name, model in {"a": judge(0), "b": judge(1)}.items():
        for measure, (picture, wanted) in pictures.items():
            expected = float((model(picture).argmax(1) == wanted).double().mean())
            assert getattr(found.judges[name], measure) == pytest.approx(expected)
    assert (found.set, found.images, found.answers) == ("NMM BIM" + " targeted" * targeted, 12, 10)


def test_white_boxes_are_those_with_the_checksum_of_a_source() -> None:
    models = {"a": judge(0), "b": judge(1)}
    found = evaluate(small_set(), models, epsilon=0.03, checksums={"a": "sha256:other", "b": "sha256:source"})
    assert {name: one.white_box for name, one in found.judges.items()} == {"a": False, "b": True}
    assert not evaluate(small_set(), models, epsilon=0.03).judges["b"].white_box


def test_answers_to_perturbations_are_among_the_classes_where_the_data_set_says_so() -> None:
    logits = torch.eye(10)[[0, 4]] + torch.tensor([0, 0, 0, 0.3, 0, 0.2, 0, 0, 0, 0])
    anything = Rules.of(small_set(), 0.03)
    some = Rules(DATA_SETS["imagenet"], False, small_set().classes, 0.02)
    assert anything.answer("recognized", logits).tolist() == some.answer("clean", logits).tolist() == [0, 4]
    assert some.answer("recognized", logits).tolist() == [3, 3]


def test_the_commonest_answer() -> None:
    assert commonest(torch.tensor([3, 3, 1, 3])) == 0.75


def test_a_judge_of_other_classes() -> None:
    with pytest.raises(InputError, match="judge a gives 4 logits, the set is of 10 classes"):
        evaluate(small_set(), {"a": judge(0, classes=4)}, epsilon=0.03)


def test_no_judge() -> None:
    for judges in ({}, [judge(0)], judge(0)):
        with pytest.raises(InputError, match="there is no judge by name; give models by name"):
            evaluate(small_set(), judges)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**128}, "seed is .*below 2"),
        ({"epsilon": "a"}, "epsilon is a"),
        ({"device": "gpu"}, "device 'gpu' is not to be had here"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        evaluate(small_set(), {"a": judge(0)}, **options)


def test_sets_that_cannot_be_judged() -> None:
    with pytest.raises(InputError, match="perturbations are a str; give a PerturbationSet"):
        evaluate("runs/nmm", {"a": judge(0)})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the set has no image"):
        evaluate(small_set().subset(torch.arange(0)), {"a": judge(0)})
    with pytest.raises(InputError, match="judge a is a NoneType"):
        evaluate(small_set(), {"a": None})  # type: ignore[dict-item]


def test_shares_have_intervals_and_show_themselves() -> None:
    found = evaluate(small_set(), {"a": judge(0), "<b>": judge(1)})
    assert found.epsilon == 0.03
    share = found["a"].recognized
    assert (share.value, (share.low, share.high)) == (found.judges["a"].recognized, wilson(share.value, 12))
    html = found._repr_html_()
    assert "<td>&lt;b&gt;</td>" in html
    assert str(share) in html
    assert [row[0] for row in found.table().rows] == ["a", "<b>"]
    with pytest.raises(KeyError, match="no judge 'c'; there are a, <b>"):
        found["c"]


def test_a_judge_that_was_attacked_is_a_white_box(zoo: Zoo) -> None:
    images, labels = lit_adv.digits(per_class=1)
    model = zoo.sources[0].load()
    for source in (model, zoo.sources[0]):
        found = lit_adv.average([source], images, labels, lit_adv.BIM(epsilon=0.2, steps=1))
        judges = lit_adv.evaluate(found, {"itself": source, "other": zoo.sources[1]}).judges
        assert judges["itself"].white_box
        assert not judges["other"].white_box


def test_functions_are_white_boxes_of_their_own_code_only() -> None:
    images, labels = lit_adv.digits(per_class=1)
    functions = [lambda x, scale=scale: scale * x.flatten(1)[:, 300:310] for scale in (1.0, 2.0)]
    found = lit_adv.average(functions[:1], images, labels, lit_adv.BIM(epsilon=0.2, steps=1))
    judges = lit_adv.evaluate(found, {"itself": functions[0], "other": functions[1]}).judges
    assert judges["itself"].white_box
    assert not judges["other"].white_box
