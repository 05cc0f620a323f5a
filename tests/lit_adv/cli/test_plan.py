"""`--plan` says what would be done, and does nothing."""

import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square
from lit_adv.cli import main
from lit_adv.cli.plan import describe_needs, shortened, span, timed
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM as WORDS


def plan(zoo: Zoo, out: Path, *words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(out), *WORDS, *words])
    if ended.value.code:
        raise ended.value


def test_what_would_be_done(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    plan(zoo, tmp_path / "out", "--plan", "3")
    torch.set_num_threads(threads)
    said = capsys.readouterr().out
    assert "90 perturbations: 3 models × 10 images × 3 copies, by BIM, in 12 batches" in said
    assert said.count("measured: ") == 1  # they are alike
    assert "with 3 processes" in said
    assert [line.split(":")[0] for line in said.splitlines() if line.startswith("process ")] == [
        "process 0",
        "process 1",
        "process 2",
    ]
    assert "MiB while it runs" in said
    assert not (tmp_path / "out").exists()
    plan(zoo, tmp_path / "out", "--plan")
    assert "with 1 process" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "message"), [("0", "--plan is 0"), ("13", "13 processes for 12 batches")])
def test_plans_that_make_no_sense(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, message: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        plan(zoo, tmp_path, "--plan", words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("attack", [BIM(epsilon=0.1), CW(), Square(epsilon=0.1), DeepFool(), Gradient()])
def test_a_long_attack_is_timed_by_a_short_one(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths, clock = [], [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def perturb(form: Attack) -> Tensor:
        length = 5 if form.cost_parameter is None else getattr(form, form.cost_parameter)
        lengths.append(length)
        clock[0] += 0.5 + 0.01 * length
        return torch.zeros(1)

    whole = 5 if attack.cost_parameter is None else getattr(attack, attack.cost_parameter)
    assert timed(perturb, attack) == pytest.approx(0.5 + 0.01 * whole)
    assert max(lengths) <= 5


def test_shortened_leaves_the_attack_alone() -> None:
    attack = Square(epsilon=0.1, queries=100)
    assert shortened(attack, 7).queries == 7  # type: ignore[attr-defined]
    assert attack.queries == 100


def test_words() -> None:
    assert [span(8.4), span(89.9), span(90.1), span(7260)] == ["8 s", "90 s", "2 min", "2 h 1 min"]
    needs = describe_needs(2**20, 1, 3, False, 100 * 2**20)
    assert needs.startswith("memory: about 132 MiB a process")
    assert "up to 64 MiB while it runs, 8 MiB at last" in needs
    assert "memory: about 292 MiB a process" in (grown := describe_needs(2**20, 2 * 3, 3, True, 100 * 2**20))
    assert "up to 384 MiB while it runs, 56 MiB at last" in grown
