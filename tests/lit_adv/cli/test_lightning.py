"""Options of `predict` and `test` reach what they are for, and nothing else."""

from functools import wraps
from pathlib import Path

import pytest
import pytorch_lightning as pl

from callbacks.perturbation_average import PerturbationAverage
from lit_adv.cli import main
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM


class OwnAverage(PerturbationAverage):
    """A user's own, under another name."""


OWN = f"[{{class_path: {OwnAverage.__module__}.OwnAverage, init_args: {{save_every: 7}}}}]"


def average(monkeypatch: pytest.MonkeyPatch, zoo: Zoo, out: Path, *words: str) -> PerturbationAverage:
    """The callback that `predict` with these words would run with."""
    trainers: list[pl.Trainer] = []

    @wraps(pl.Trainer.predict)  # its parameters are options
    def taken_down(self: pl.Trainer, **_: object) -> None:
        trainers.append(self)

    monkeypatch.setattr(pl.Trainer, "predict", taken_down)
    main(["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(out), *BIM, *words])
    (found,) = (c for c in trainers[0].callbacks if isinstance(c, PerturbationAverage))  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("words", [[], ["--trainer.callbacks", OWN]])
def test_flags_reach_the_average_of_any_name(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    plain = average(monkeypatch, zoo, tmp_path, *words)
    assert (plain.restart, plain.growth) == (False, False)
    assert (type(plain).__name__ == "OwnAverage") == bool(words)
    asked = average(monkeypatch, zoo, tmp_path, *words, "--restart", "--growth")
    assert (asked.restart, asked.growth) == (True, True)
    assert asked.save_every == plain.save_every


@pytest.mark.parametrize("flag", ["--restart", "--skip-failed", "--growth", "--plan"])
def test_flags_of_predict_are_not_for_test(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tmp_path), flag])
    assert "is for predict" in capsys.readouterr().err


def test_a_plan_refuses_data_of_ones_own_in_a_line(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--data", "pytorch_lightning.demos.boring_classes.BoringDataModule", "--plan", "--trainer.logger", "false"]
    config = tmp_path / "own.yaml"
    config.write_text(
        "model: {class_path: lit_adv.attack_module.AttackModule,"
        " init_args: {attack: {class_path: lit_adv.attacks.Gradient}}}\n"
    )
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", str(config), "--zoo", str(zoo.path), "--out", str(tmp_path), *words])
    error = capsys.readouterr().err
    assert "BoringDataModule" in error
    assert len(error.splitlines()) == 1
