"""Writing to a terminal, a pipe or a disk that is no more does not raise, and later prints do not either."""

import io
import os
import sys
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from lit_adv.terminal import Unfailing, say


def broken(kind: str) -> TextIO:
    """A stream that cannot be written: closed terminal (EIO), unread pipe (EPIPE), full disk (ENOSPC)."""
    if kind == "terminal":
        master, slave = os.openpty()
        os.close(master)
    elif kind == "pipe":
        reader, slave = os.pipe()
        os.close(reader)
    else:
        slave = os.open("/dev/full", os.O_WRONLY)
    return os.fdopen(slave, "w", buffering=1, encoding="utf-8")


@pytest.mark.parametrize(
    "kind",
    [
        "terminal",
        "pipe",
        pytest.param("disk", marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")),
    ],
)
def test_what_cannot_be_written_is_lost(kind: str) -> None:
    with broken(kind) as stream:
        say("first", stream)
        say("second", stream)
        Console(file=Unfailing(stream)).print("third")  # type: ignore[arg-type]
        print("what others print", file=stream, flush=True)
    # closing flushes, as the end of Python does: nothing is left that cannot be written


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_without_it_writing_fails(kind: str) -> None:
    stream = broken(kind)
    with pytest.raises(OSError, match=r"Broken pipe|Input/output"):
        print("first", file=stream)
    with pytest.raises(OSError, match=r"Broken pipe|Input/output"):
        stream.close()


def test_streams_that_are_closed_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    say("lost", closed)
    assert not Unfailing(closed).isatty()
    monkeypatch.setattr(sys, "stderr", None)
    say("lost")
    assert not Unfailing(None).isatty()
    with pytest.raises(io.UnsupportedOperation):
        Unfailing(None).fileno()


def test_signs_that_an_encoding_lacks() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    say("3 models × 2 images", stream)
    assert stream.buffer.getvalue() == b"3 models x 2 images\n"  # type: ignore[attr-defined]


def test_what_can_be_written_is(capsys: pytest.CaptureFixture[str]) -> None:
    say("9 × 3")
    say("done", sys.stdout)
    assert capsys.readouterr() == ("done\n", "9 × 3\n")
