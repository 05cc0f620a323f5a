"""Accuracy under APGD: a closed form, order in ε, and torchattacks that is not there."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

import lit_adv
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.evaluation.apgd import KINDS, right_under_apgd, robustness_table
from lit_adv.zoo.zoo import Zoo


def linear(classes: int) -> nn.Sequential:
    layer = nn.Linear(16, classes)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    return nn.Sequential(nn.Flatten(), layer).eval().requires_grad_(False)


def test_two_linear_classes_have_a_closed_form() -> None:
    """The worst that ε can do is to move each pixel against the weights, as far as [0, 1] goes."""
    model, images = linear(2), torch.rand(200, 1, 4, 4)
    labels = torch.where(torch.rand(200) < 0.9, model(images).argmax(1), 0)
    difference = model[1].weight[1] - model[1].weight[0]
    away = torch.where(labels == 1, -1, 1)[:, None, None, None] * difference.sign().view(1, 1, 4, 4)
    epsilons = [0.02, 0.1, 0.3]
    found = right_under_apgd(model, images, labels, epsilons, steps=10)
    assert torch.equal(found[0], model(images).argmax(1) == labels)
    for place, epsilon in enumerate(epsilons):
        logits = model((images + epsilon * away).clamp(0, 1))
        sure = (logits[:, 1] - logits[:, 0]).abs() > 1e-4  # beyond rounding
        expected = (logits.argmax(1) == labels) & found[0]
        assert torch.equal(found[1 + 2 * place][sure], expected[sure])
        assert torch.equal(found[2 + 2 * place], found[1 + 2 * place])  # two classes have no DLR loss
    assert 0 < int(found[-1].sum()) < int(found[1].sum()) < int(found[0].sum())


def test_larger_epsilons_and_the_second_attack_leave_less() -> None:
    model, images, labels = linear(5), torch.rand(30, 1, 4, 4), torch.arange(30) % 5
    state = torch.get_rng_state()
    found = right_under_apgd(model, images, labels, [0.01, 0.05, 0.2], steps=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(bool((later <= earlier).all()) for earlier, later in pairwise(found))
    assert torch.equal(found[:3], right_under_apgd(model, images, labels, [0.01], steps=5))


def test_the_table_has_a_row_for_each_model_and_their_mean() -> None:
    models = {name: linear(5) for name in ("one", "other")}
    table = robustness_table(models, torch.rand(20, 1, 4, 4), torch.arange(20) % 5, [0.1], steps=2)
    assert [row[0] for row in table.rows] == ["one", "other", "mean of 2"]
    assert table.headings[2:] == [f"ε = 0.1: {kind}" for kind in KINDS]


@pytest.mark.parametrize(
    ("words", "steps", "message"),
    [([0.2, 0.1], 5, "from small to large"), ([0.0], 5, "epsilon"), ([0.1], 0, "steps is 0")],
)
def test_wrong_input_is_one_line(words: list[float], steps: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        right_under_apgd(linear(5), torch.rand(2, 1, 4, 4), torch.zeros(2, dtype=torch.long), words, steps)


def test_the_command_judges_a_zoo(zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = ["robust", str(zoo.path), "--epsilon", "0.05", "0.1", "--steps", "2"]
    main([*shared, "--per_class", "1", "--out", str(tmp_path / "robust.md")])
    assert "APGD of torchattacks, 2 steps" in capsys.readouterr().out
    assert f"| {zoo.models[0].name} |" in (tmp_path / "robust.md").read_text(encoding="utf-8")
    main([*shared, "--models", zoo.models[0].name, "--images", str(nmm)])
    count = len(lit_adv.PerturbationSet.load(nmm).label)
    assert f"on {count} images" in " ".join(capsys.readouterr().out.split())


def test_without_torchattacks_it_is_one_line(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torchattacks", None)
    with pytest.raises(SystemExit) as end:
        main(["robust", str(zoo.path), "--epsilon", "0.1"])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "pip install 'lit-adv[apgd]'" in error
