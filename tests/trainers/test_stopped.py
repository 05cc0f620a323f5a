"""Ctrl-C and SIGTERM end a training with a line and an exit code, and every process that it started."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytorch_lightning.utilities.exceptions import SIGTERMException
from torch import multiprocessing

from lit_adv.cli.guard import run_guarded
from trainers.stopped import GOES_ON, run_processes, stopped_in_words


def waits(rank: int, begun: Path) -> None:
    (begun / str(rank)).touch()
    time.sleep(600)


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGINT is heeded; a program in the background of a shell, or under nohup, begins with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_processes_end_with_a_signal_that_only_their_parent_gets(tmp_path: Path) -> None:
    def interrupt() -> None:
        while not (tmp_path / "0").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt, match=GOES_ON):
        run_processes(waits, (tmp_path,), 1)
    assert not multiprocessing.active_children()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def ended_by_lightning() -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise SystemExit(1)  # noqa: B904 as Lightning does


def terminated_by_lightning() -> None:
    raise SIGTERMException


def ended() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("function", "code", "said"),
    [
        (ended_by_lightning, 130, f"lit-adv: stopped; {GOES_ON}\n"),
        (terminated_by_lightning, 143, ""),
        (ended, 3, ""),
    ],
)
def test_what_lightning_makes_of_signals(
    function: Callable[[], None], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def trains() -> None:
        with stopped_in_words():
            function()

    heeded = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as end:
        run_guarded(trains)
    assert (end.value.code, capsys.readouterr().err) == (code, said)
    assert signal.getsignal(signal.SIGINT) is heeded
