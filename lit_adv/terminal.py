"""Words for the user while work goes on: whatever happens to the terminal, the work does not end."""

import codecs
import errno
import io
import os
import sys
import unicodedata
from contextlib import suppress
from typing import Final, TextIO

PLAIN: Final = {"×": "x", "−": "-", "–": "-", "—": "-", "·": ".", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "ß": "ss"}
"""Signs and the ASCII that stands for them; Greek letters, box drawings and accents have rules of their own."""


class Unfailing(io.TextIOBase):
    """A stream whose writing never fails.

    What cannot be written is lost: the terminal was closed, nobody reads the pipe, the disk is full. From then on the
    stream's file descriptor leads nowhere, so that nothing else fails that writes to it: not the end of Python either,
    which would turn exit code 0 into 120. Signs that the stream's encoding lacks become ASCII, see `plain`.

    Args:
        stream: the stream; None, as Python's are where their file descriptors are closed, drops everything.

    Attributes:
        lost: why something was lost, unless nobody was there to read it; None if nothing was.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.lost: OSError | None = None

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
                    self._stream.write(text.encode(self.encoding, "plain").decode(self.encoding, "replace"))
                self._stream.flush()
            except (OSError, ValueError) as error:  # ValueError: the stream is closed
                if isinstance(error, OSError) and error.errno not in (errno.EPIPE, errno.EIO):
                    self.lost = error
                with suppress(OSError, ValueError):
                    os.dup2(nowhere := os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
                    os.close(nowhere)
        return len(text)


def say(line: str, stream: TextIO | None = None) -> None:
    """Writes a line to a stream, by default standard error; never fails."""
    Unfailing(stream or sys.stderr).write(line + "\n")


def plain(sign: str) -> str:
    """Returns ASCII that stands for a sign: `x` for ×, `sigma` for σ, `u` for ü, `+` for a corner; `?` for others."""
    if sign in PLAIN:
        return PLAIN[sign]
    match unicodedata.name(sign, "").split():
        case ["GREEK", "SMALL" | "CAPITAL", "LETTER", letter, *_]:
            return letter.lower()
        case ["BOX", "DRAWINGS", *rest]:
            lines = {"HORIZONTAL": "-", "VERTICAL": "|"}
            return lines.get(rest[-1], "+") if "AND" not in rest else "+"
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


codecs.register_error("plain", _plain)


def span(seconds: float) -> str:
    """Returns a duration as `3 h 5 min`, `12 min` or `8 s`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 120 else f"{minutes} min"


def counted(number: int, one: str, many: str) -> str:
    """Returns a number with the word for one or for many things, such as `1 copy`, `2 copies`."""
    return f"{number} {one if number == 1 else many}"
