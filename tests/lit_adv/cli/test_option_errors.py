"""Wrong options get one line that names them, and near ones."""

from pathlib import Path

import pytest

from lit_adv.cli import main
from tests.helpers import TINY_ZOO, Run

PREDICT = ["predict", "--config", "mnist-sm-bim", "--zoo", str(TINY_ZOO)]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--data.copis", "3"], "there is no option --data.copis; did you mean --data.copies or"),
        (["--data.init_args.copis", "3"], "there is no option --data.copis; did you mean --data.copies or"),
        (["--trainer.max_epoch", "3"], "there is no option --trainer.max_epoch; did you mean --trainer.max_epochs or"),
        (["--model.attack.step", "3"], "there is no option --model.attack.step; did you mean --model.attack.steps or"),
        (["--rest"], "there is no option --rest; did you mean --restart"),
        (["--data.copies", "x"], "--data.copies is 'x'; it must be a whole number"),
        (["--data.seed", "1.5"], "--data.seed is '1.5'; it must be a whole number"),
        (["--data.sigma", "much"], "--data.sigma is 'much'; it must be a number"),
        (["--model.exact", "maybe"], "--model.exact is 'maybe'; it must be true or false"),
        (["--model.sources", "1.5"], "--model.sources is '1.5'; it must be a whole number or 'single' or a list"),
        (["--model.precision", "bf17"], "--model.precision is 'bf17'; it must be 'float32' or 'bf16'"),
        (["--model.attack", "Foo"], "--model.attack: there is no class Foo; give its name, such as"),
        (["--plan", "x"], "--plan is 'x'; it must be a whole number or 'run'"),
    ],
)
def test_options_of_predict(words: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*PREDICT, "--out", str(tmp_path / "out"), *words])
    error = capsys.readouterr().err
    assert error.startswith(f"lit-adv: {line}")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("data:\n  init_args:\n    copis: 3\n", "there is no option --data.copis; did you mean --data.copies or"),
        ("trainer:\n  max_epoch: 3\n", "there is no option --trainer.max_epoch; did you mean --trainer.max_epochs or"),
        ("data: [\n", "Problems parsing config: "),
    ],
)
def test_configurations(content: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit, match="2"):
        main([*PREDICT, "--out", str(tmp_path / "out"), "--config", str(tmp_path / "bad.yaml")])
    assert capsys.readouterr().err.startswith(f"lit-adv: {line}")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["reproduce", "--fas"], "there is no option --fas; did you mean --fast?"),
        (["report", "--foo"], "there is no option --foo; there are --explorer, --help, --out"),
        (["zoo", "--jsn"], "there is no option --jsn; did you mean --json?"),
        (["report", "", "--out", "r"], "argument sets: the path is empty; . is the current folder"),
        (
            ["report", "~nobody-here/x", "--out", "r"],
            "argument sets: ~nobody-here/x: the home folder of ~nobody-here is",
        ),
        (["reproduce", "all", "--out", ""], "argument --out: the path is empty"),
        (["study", "build", "", "--out", "x"], "argument set: the path is empty"),
        (["predict", "--out", "", "--zoo", "x", "--config", "mnist-sm-bim"], "argument --out: the path is empty"),
        (["test", "--out", "x", "--zoo", "", "--config", "mnist-test"], "argument --zoo: the path is empty"),
        (["study", "foo"], "argument verb: invalid choice: 'foo'"),
    ],
)
def test_other_commands(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert capsys.readouterr().err.startswith(f"lit-adv: {line}")


def test_scripts_take_no_abbreviations(run: Run) -> None:
    done = run("scripts/train_mnist_zoo.py", "--coun", "3")
    assert done.returncode == 2
    assert done.stderr.startswith("lit-adv: there is no option --coun; did you mean --count or")


def test_the_home_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    test = ["test", "--config", "mnist-test", "--zoo", str(TINY_ZOO), "--out", "~/none"]
    test = ["test", "--config", "mnist-test", "--zoo", str(TINY_ZOO), "--out", "~/none"]
    for words in (test, ["report", "~/none", "--out", "~/r"]):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert f"no finished perturbation set in {tmp_path / 'none'}" in capsys.readouterr().err
