"""Ends of a training by Ctrl-C or SIGTERM: what is said of it, the exit code, and no process that works on."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, Final

from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import multiprocessing

GOES_ON: Final = "the same command goes on after the last whole epoch"
PATIENCE: Final = 10
"""Seconds that a process has to end by itself."""


@contextmanager
def stopped_in_words() -> Iterator[None]:
    """Raises KeyboardInterrupt and SystemExit(143) for what Lightning makes of SIGINT and SIGTERM: codes 1 and 0.

    Lightning leaves SIGINT ignored; afterwards it is heeded as before.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise SystemExit(128 + signal.SIGTERM) from None
    except SystemExit as end:
        if not isinstance(end.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt(GOES_ON) from None


def run_processes(function: Callable[..., Any], arguments: tuple[Any, ...], count: int) -> None:
    """Runs `function(rank, *arguments)` in new processes as torch's `spawn` does, and ends them with this one's Ctrl-C.

    They do not heed Ctrl-C themselves, so that a terminal, which sends it to all, and `kill`, which sends it to one,
    do the same.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        ProcessRaisedException: a process failed.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # new processes inherit it
    try:
        context = multiprocessing.spawn(function, arguments, nprocs=count, join=False)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # raises for a Ctrl-C that has come
            while not context.join():
                pass
        except KeyboardInterrupt:
            _end(context.processes)
            raise KeyboardInterrupt(GOES_ON) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(processes: Sequence[BaseProcess]) -> None:
    """Lets each end its batch and its records, and then no longer."""
    try:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(PATIENCE)
    finally:
        for process in processes:
            process.kill()
