"""How commands and scripts declare their options: with jsonargparse, hyphens in their names, and errors in one line."""

import sys
from argparse import ArgumentTypeError, HelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, auto_cli

from lit_adv.cli.guard import run_guarded
from lit_adv.cli.option_errors import clear
from lit_adv.errors import InputError
from lit_adv.files import expanded
from lit_adv.freed_memory import keep_freed_memory


def option_parser(command: str, description: str, epilog: str | None = None) -> ArgumentParser:
    """A parser without options whose errors `run_guarded` prints.

    Args:
        command: the words that call it, `lit-adv report`, for the help.
        description: of the command, a sentence.
        epilog: the help's last words.
    """
    return OptionParser(command, description=description, epilog=epilog, formatter_class=HelpFormatter)


def add_trust(parser: ArgumentParser) -> None:
    """Adds `--trust`, which may be given more than once."""
    parser.add_argument(
        "--trust",
        type=str,
        nargs="+",
        action="extend",
        default=[],
        metavar="PACKAGE",
        help="packages of your own whose code may run, where the zoo names models of them",
    )


def add_scale(parser: ArgumentParser) -> None:
    """Adds `--scale` and `--epsilon`, which say what is added to images."""
    parser.add_argument(
        "--scale",
        choices=("sign", "norm", "own"),
        default="sign",
        help="what is added: ε·sign(δ), δ with the L2 norm that signs have, or δ itself (sign)",
    )
    parser.add_argument("--epsilon", type=float, help="ε, in pixel values of [0, 1]; left out, that of the data set")


def named_path(word: str | Path) -> Path:
    """Returns the path that an option's word names, `~` expanded.

    Raises:
        ArgumentTypeError: the word is empty, which would be the current folder, or there is no such user.
    """
    if not str(word).strip():
        raise ArgumentTypeError("the path is empty; . is the current folder")
    try:
        return expanded(word)
    except InputError as error:
        raise ArgumentTypeError(str(error)) from error


class OptionParser(ArgumentParser):
    """Parser that takes no abbreviated options, and raises errors in words that name near options."""

    def __init__(self, *words: Any, **options: Any) -> None:
        super().__init__(*words, **{**options, "exit_on_error": False, "allow_abbrev": False})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises an `ArgumentError` in clear words."""
        super().error(clear(message, self), ex)


def run_command(function: Callable[..., None]) -> None:
    """Runs a script as commands are run: the function's parameters are its options, the docstring their help."""
    keep_freed_memory()
    run_guarded(lambda: auto_cli(function, underscored(sys.argv[1:]), parser_class=OptionParser, as_positional=False))


def underscored(words: Sequence[str]) -> list[str]:
    """Spells options such as `--wandb-group` as the parameters that they stand for, `--wandb_group`."""
    options = [word.partition("=") if word.startswith("--") else (word, "", "") for word in words]
    return [
        "--" + name[2:].replace("-", "_") + sign + value if name.startswith("--") else name
        for name, sign, value in options
    ]
