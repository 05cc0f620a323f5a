"""Standard output and standard error of a command: they never fail, whatever the terminal is or becomes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from lit_adv.terminal import Unfailing


@contextmanager
def unfailing_streams() -> Iterator[None]:
    """Lets the block print on any terminal; a pipe that nobody reads any more, or a closed terminal, ends no work.

    Raises:
        SystemExit: with code 2 and one line, at the end of a block without an error: standard output is lost, as on a
            full disk.
    """
    out = Unfailing(sys.stdout)
    with redirect_stdout(out), redirect_stderr(Unfailing(sys.stderr)):
        yield
        if out.lost is not None:
            print(f"lit-adv: cannot write standard output: {out.lost.strerror}", file=sys.stderr)
            raise SystemExit(2)
