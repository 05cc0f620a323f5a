"""The commands by name, their help, and what a start does not import."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import lit_adv
from lit_adv.cli import main
from lit_adv.cli.main import COMMANDS, LIGHTNING


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    said = capsys.readouterr().out
    for name, what in COMMANDS.items():
        assert f"  {name} " in said
        assert what in said


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"lit-adv {version('lit-adv')}\n"
    assert lit_adv.__version__ == version("lit-adv")


@pytest.mark.parametrize(
    ("words", "message"),
    [(["predikt"], "there is no command 'predikt'; choose one of predict, test"), ([], "no command")],
)
def test_unknown_commands(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in LIGHTNING])
def test_a_command_refuses_unknown_options_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([name, "--nonsense"])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_help_needs_no_torch() -> None:
    """In a process of its own: here torch has been imported long since."""
    commands = [[], *([name] for name in COMMANDS if name not in (*LIGHTNING, "fit"))]  # their options are Lightning's
    script = f"""
import contextlib, sys
from lit_adv.cli import main
for words in {commands}:
    with contextlib.suppress(SystemExit):
        main([*words, "--help"])
    heavy = {{"torch", "pytorch_lightning", "matplotlib", "numpy"}} & sys.modules.keys()
    if heavy:
        sys.exit(f"{{words}}: {{heavy}}")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == len(commands)
