"""One line and exit code 2 for what the user can mend; tracebacks for what is wrong with the program."""

import os
import signal
import sys
import time
from argparse import ArgumentError
from collections.abc import Callable
from typing import Any, Final, Never

from lit_adv.cli.streams import unfailing_streams
from lit_adv.errors import AlreadyDone, InputError

PARENT: Final = os.getppid()
"""The process that started this one, as of then."""


def run_guarded(function: Callable[..., Any], *args: Any) -> None:
    """Calls a function; bad input becomes one line on standard error and exit code 2, Ctrl-C one and 130
    (with the words of the KeyboardInterrupt, where it has any).

    Whatever is printed suits the terminal's encoding, and a pipe that nobody reads any more ends nothing.
    """
    with unfailing_streams():
        _run_guarded(function, *args)


def _run_guarded(function: Callable[..., Any], *args: Any) -> None:
    try:
        function(*args)
    except AlreadyDone as done:
        if _process_number() == 0:
            print(done)
    except KeyboardInterrupt as stopped:
        print("; ".join(["lit-adv: stopped", *map(str, stopped.args)]), file=sys.stderr)
        raise SystemExit(128 + signal.SIGINT) from None
    except Exception as error:
        mistakes = (InputError, ArgumentError, PermissionError, *_misconfiguration())
        cause: BaseException | None = error  # jsonargparse wraps what a constructor raises
        while cause is not None and not isinstance(cause, mistakes):
            cause = cause.__cause__
        if cause is None and not lost_touch(error):
            raise
        if "EADDRINUSE" in str(error):
            _fail(InputError(f"MASTER_PORT {os.environ.get('MASTER_PORT')} is in use; choose another, or leave it out"))
        lost = "lost touch with another process; start the same command again, what is done is kept"
        _fail(cause or InputError(f"{lost} ({error})"))


def lost_touch(error: BaseException) -> bool:
    """Whether another process of the run has gone while this one waited for it.

    torch's store raises types of its own; gloo's sockets raise RuntimeError, and name their source file in it.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(error, RuntimeError):
        return False
    gone = (torch.distributed.DistNetworkError, torch.distributed.DistStoreError)
    return isinstance(error, gone) or "/gloo/transport/" in str(error)


def _misconfiguration() -> tuple[type[Exception], ...]:
    """Lightning's exception for devices that are not there and the like; none where Lightning was not needed."""
    if "pytorch_lightning" not in sys.modules:
        return ()
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    return (MisconfigurationException,)


def _process_number() -> int:
    """This process's number in the run; without torch, which takes seconds to import, there is one process only."""
    if "torch" not in sys.modules:
        return 0
    from lit_adv.processes import process_number

    return process_number()


def _launcher_ended() -> bool:
    """Whether the first process, which launched this one, ends within ten seconds; False in the first itself."""
    deadline = time.monotonic() + 10
    while _process_number() > 0 and time.monotonic() < deadline:
        if os.getppid() != PARENT:
            return True
        time.sleep(0.1)
    return False


def _fail(error: BaseException) -> Never:
    # Most mistakes are found by every process, or end the first one, whereupon the others lose touch with it: the first
    # shall say them, once. A process that fails alone sees its parent live on, and speaks for itself.
    if _launcher_ended():
        raise SystemExit(2)
    print(f"lit-adv: {' '.join(str(error).split())}", file=sys.stderr)
    raise SystemExit(2)
