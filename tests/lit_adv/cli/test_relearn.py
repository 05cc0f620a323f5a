"""`lit-adv relearn` from a perturbation set to the table, and words that make no sense."""

from pathlib import Path

import pytest

from lit_adv.cli import main
from lit_adv.cli.relearn import markdown
from lit_adv.zoo.zoo import Zoo
from tests.helpers import predict
from tests.trainers.conftest import in_this_process

__all__ = ["in_this_process"]
SMALL = ["--trainer.accelerator", "cpu", "--data.per_class", "7", "--data.copies", "2", "--growth"]


def test_the_command(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], in_this_process: None) -> None:
    words = [*SMALL, "--data.targets", "random", "--data.split", "training"]
    predict("mnist-nmm-gradient", zoo, tmp_path / "set", *words)
    command = ["relearn", str(tmp_path / "set"), "--out", str(tmp_path / "out"), "--inputs", "delta", "--count", "1"]
    command += ["--zoo", str(zoo.path), "--processes", "1", "--sizes", "1x1", "3x1", "3x2", "--epochs", "1"]
    main(command)
    first = capsys.readouterr().out
    table = [line for line in first.splitlines() if line.startswith("| NMM") or line.startswith("| clean")]
    assert [line.split(" | ")[1:3] for line in table] == [
        ["1 × 1", "δ alone"], ["3 × 1", "δ alone"], ["3 × 2", "δ alone"], ["3 × 2", "δ alone, shuffled"],
        ["", "clean images"],
    ]  # fmt: skip
    assert first.count("0 of 1 models are there, 1 to train") == 5
    main(command)
    again = capsys.readouterr().out
    assert again.count("1 of 1 models are there, 0 to train") == 5
    assert all(line in again for line in table)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "sets"),
        (["set", "--out", "o", "--sizes", "10"], "a size is '10'; it must be models x copies, such as 10x5"),
        (["set", "--out", "o", "--epsilon", "2"], "--epsilon is 2; it must be above 0, and at most 1"),
        (["set", "--out", "o", "--optimizer", "sdg"], "sdg"),
        (["set", "--out", "o"], "no finished perturbation set in set"),
        (["set", "--out", "o", "--input", "delta"], "there is no option --input; did you mean --inputs"),
        (["set", "--out", "o", "--inputs", "deltas"], "deltas"),
    ],
)
def test_wrong_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["relearn", *words])
    [line] = capsys.readouterr().err.splitlines()
    assert said in line


def test_the_table() -> None:
    row = {
        "name": "NMM BIM",
        "models": 3,
        "copies": 1,
        "input": "noise",
        "control": "shuffled",
        "fitted": 0.5,
        "right": [0.1, 0.05, 0.2],
    }
    assert markdown([{**row, "right_gain": [0.02, -0.01, 0.05]}]).splitlines()[-1] == (
        "| NMM BIM | 3 × 1 | noise + δ, shuffled | 50 | 10.0 [5, 20] | +2.0 [-1, +5] |  |  |"
    )
