"""Words for the user while work goes on: whatever happens to the terminal, the work does not end."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class Unfailing(io.TextIOBase):
    """A stream whose writing never fails.

    What cannot be written is lost: the terminal was closed, nobody reads the pipe, the disk is full. From then on the
    stream's file descriptor leads nowhere, so that nothing else fails that writes to it: not the end of Python either,
    which would turn exit code 0 into 120. Signs that the stream's encoding lacks become `?`.

    Args:
        stream: the stream; None, as Python's are where their file descriptors are closed, drops everything.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """The stream's file descriptor."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Writes, or drops, all of `text`; returns its length."""
        if self._stream is not None:
            try:
                try:
                    self._stream.write(text)
                except UnicodeEncodeError:
                    self._stream.write(text.encode(self.encoding, "replace").decode(self.encoding))
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream is closed
                with suppress(OSError, ValueError):
                    os.dup2(nowhere := os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
                    os.close(nowhere)
        return len(text)


def say(line: str, stream: TextIO | None = None) -> None:
    """Writes a line to a stream, by default standard error; never fails."""
    Unfailing(stream or sys.stderr).write(line + "\n")
