"""How commands and scripts declare their options: with jsonargparse, hyphens in their names, and errors in one line."""

import sys
from argparse import HelpFormatter
from collections.abc import Callable, Sequence

from jsonargparse import ArgumentParser, auto_cli

from lit_adv.cli.guard import run_guarded


def option_parser(command: str, description: str, epilog: str | None = None) -> ArgumentParser:
    """A parser without options whose errors `run_guarded` prints.

    Args:
        command: the words that call it, `lit-adv report`, for the help.
        description: of the command, a sentence.
        epilog: the help's last words.
    """
    return ArgumentParser(
        command, description=description, epilog=epilog, formatter_class=HelpFormatter, exit_on_error=False
    )


def run_command(function: Callable[..., None]) -> None:
    """Runs a script: the function's parameters are its command-line options, the docstring their help."""
    run_guarded(lambda: auto_cli(function, underscored(sys.argv[1:]), exit_on_error=False, as_positional=False))


def underscored(words: Sequence[str]) -> list[str]:
    """Spells options such as `--wandb-group` as the parameters that they stand for, `--wandb_group`."""
    options = [word.partition("=") if word.startswith("--") else (word, "", "") for word in words]
    return [
        "--" + name[2:].replace("-", "_") + sign + value if name.startswith("--") else name
        for name, sign, value in options
    ]
