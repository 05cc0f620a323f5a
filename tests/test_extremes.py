"""Numbers beyond reason: one line that names the option, exit code 2, nothing half-written."""

import ast
import itertools
import time
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from lit_adv.attack_module import AttackModule
from lit_adv.attacks import BIM
from lit_adv.cli import main
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM as WORDS
from tests.helpers import REPOSITORY, TINY, predict, same

NO_NUMBERS = (".nan", ".inf", "-1")
DATA = {
    "copies": ("0", "3" * 25),
    "sigma": ("1e30", "nan", "-.inf"),
    "batch_size": ("0",),
    "per_class": ("0", "9" * 25),
    "seed": ("9" * 40,),
}
ATTACKS = {
    "bim": {"epsilon": ("0", "1e9", "8"), "step_size": ("0",), "steps": ()},
    "cw": {"c": ("0",), "confidence": (), "lr": ("0", "1e9"), "steps": ()},
    "deepfool": {"overshoot": ("1e9",), "top_k": ("0", "1", "9" * 25), "steps": ()},
    "square": {"epsilon": ("0", "1e30"), "p_init": ("0", "1.5"), "queries": (), "seed": ()},
}
OF_PREDICT = [
    *(("gradient", f"data.{name}", value) for name, more in DATA.items() for value in (*NO_NUMBERS, *more)),
    *(
        (attack, f"model.attack.{name}", value)
        for attack, names in ATTACKS.items()
        for name, more in names.items()
        for value in (*NO_NUMBERS, *more)
    ),
    *(("gradient", "model.sources", value) for value in ("-1", "0", "1.5", ".nan", "9" * 25)),
    *(("gradient", "plan", value) for value in ("-1", "0", ".nan", "1.5", "9" * 25)),
]
OF_TEST = [
    *(("model.epsilon", value) for value in (*NO_NUMBERS, "0", "1e9", "8")),
    *(("model.seed", value) for value in (*NO_NUMBERS, "9" * 40)),
    *(("data.batch_size", value) for value in (*NO_NUMBERS, "0")),
]


def refused(capsys: pytest.CaptureFixture[str], option: str, words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    error = [line for line in capsys.readouterr().err.splitlines() if "perturbations: " not in line]
    assert len(error) == 1, error
    assert error[0].startswith("lit-adv: ")
    assert option.rpartition(".")[2].removesuffix("s") in error[0]


@pytest.mark.parametrize(("attack", "option", "value"), OF_PREDICT)
def test_of_predict(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], attack: str, option: str, value: str
) -> None:
    out = tmp_path / "out"
    words = ["predict", "--config", f"mnist-nmm-{attack}", "--zoo", str(zoo.path), "--out", str(out), *TINY]
    refused(capsys, option, [*words, f"--{option}={value}"])
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize(("option", "value"), OF_TEST)
def test_of_test(zoo: Zoo, nmm: Path, capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    before = sorted(nmm.iterdir())
    words = ["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(nmm)]
    refused(capsys, option, [*words, "--trainer.accelerator", "cpu", f"--{option}={value}"])
    assert sorted(nmm.iterdir()) == before


def test_a_seed_of_25_digits_works_and_is_kept(zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    seed = 1234567890123456789012345
    made = predict("mnist-nmm-bim", zoo, tmp_path, *WORDS, f"--data.seed={seed}")
    assert made.manifest.seed == seed
    assert not same(tmp_path, nmm)
    main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tmp_path), f"--model.seed={seed}",
          "--data.batch_size", "9" * 25])  # fmt: skip


def test_a_clock_that_jumps_changes_nothing(
    zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jumps = itertools.cycle([0.0, 4e9, -1.0])
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    predict("mnist-nmm-bim", zoo, tmp_path, *WORDS)
    assert same(tmp_path, nmm)


def test_no_check_lives_in_an_assert() -> None:
    """`python -O` leaves asserts out; those that only tell mypy of a type may stay."""
    for room in ("lit_adv", "callbacks", "datamodules", "trainers", "scripts"):
        for path in (REPOSITORY / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Assert):
                    said = ast.unparse(node.test)
                    assert said.endswith(" is not None") or said.startswith("isinstance("), f"{path}: {said}"


def test_a_device_without_float64_is_named_once(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_adv.attack_module.widest", lambda _: torch.float32)
    module = AttackModule(zoo.path, BIM(epsilon=0.2))
    pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, barebones=False)
    with pytest.warns(UserWarning, match="has no float64: calibration .* are in float32 here"):
        module.on_predict_start()
    module.on_predict_end()


def test_ctrl_c_before_the_run_is_a_line(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lit_adv.cli.lightning.Command.before_instantiate_classes", interrupted)
    with pytest.raises(SystemExit, match="130"):
        predict("mnist-nmm-bim", zoo, tmp_path / "out", *WORDS)
    assert capsys.readouterr().err == "lit-adv: stopped\n"
    assert not (tmp_path / "out").exists()
