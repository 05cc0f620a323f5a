"""Signals that stop a run at a moment when everything can be saved."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, Self

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Raises SystemExit on SIGTERM and SIGINT: at once, or at the end of a block that must not be broken off.

    Further signals are ignored, so that nothing disturbs the last save. At the end the handlers are again those that
    were there when the object was made. To be used in the main thread::

        with StopSignals() as stop:
            while work:
                with stop.held():
                    add_to_the_sums()

    Attributes:
        number: the signal that came; 0 before one does.
        holding: whether a block of `held` is running, or was broken off.
    """

    def __init__(self) -> None:
        self.number = 0
        self.holding = False
        self._error: BaseException | None = None
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        self.heed()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def heed(self) -> None:
        """Sets the handlers; again, where others have been set in between."""
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def ignore(self) -> None:
        """Ignores signals from now on."""
        for number in SIGNALS:
            signal.signal(number, _nothing)  # SIG_IGN would let Python complain of one that has just come

    def end(self) -> None:
        """Sets the handlers that were there before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lets a block run to its end before a signal takes effect."""
        self.holding = True
        yield
        self.holding = False
        self.check()

    def check(self) -> None:
        """Raises for a signal that has come, if one has."""
        if self._error is not None:
            raise self._error

    def stop(self, error: BaseException) -> None:
        """Stops the main thread with an error as a signal would; to be called from any thread."""
        self._error = error
        os.kill(os.getpid(), signal.SIGTERM)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.ignore()
        self.number = number
        self._error = self._error or SystemExit(128 + number)
        if not self.holding:
            raise self._error


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
