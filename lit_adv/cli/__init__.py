"""The command line: the only room that knows every other."""

from lit_adv.cli.main import main, run_command

__all__ = ["main", "run_command"]
