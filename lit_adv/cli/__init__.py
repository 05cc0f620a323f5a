"""The command line: the only room that knows every other."""

from lit_adv.cli.main import main
from lit_adv.cli.options import run_command

__all__ = ["main", "run_command"]
