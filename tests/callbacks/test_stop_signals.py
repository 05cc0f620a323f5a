"""Real signals to this process stop it at once, or at the end of what must not be broken off."""

import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from callbacks.stop_signals import SIGNALS, StopSignals
from lit_adv.errors import InputError

EACH = pytest.mark.parametrize("number", SIGNALS)


@pytest.fixture(autouse=True)
def own_handlers() -> Iterator[None]:
    """The handlers are those from before after each test."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


def send(*numbers: int) -> None:
    for number in numbers:
        signal.raise_signal(number)


def stopped(work: Callable[[StopSignals], None]) -> tuple[object, StopSignals]:
    """The exit code that work ends with when its signals are heeded."""
    stop = StopSignals()
    with pytest.raises(SystemExit) as ended, stop:
        work(stop)
    return ended.value.code, stop


@EACH
def test_at_once(number: signal.Signals) -> None:
    code, stop = stopped(lambda _: send(number))
    assert code == 128 + number
    assert (stop.number, stop.holding) == (number, False)


@EACH
def test_at_the_end_of_a_held_block(number: signal.Signals) -> None:
    done = []

    def work(stop: StopSignals) -> None:
        with stop.held():
            send(number)
            done.append("first half")
            send(signal.SIGTERM)
            done.append("second half")
        done.append("the next block")

    code, stop = stopped(work)
    assert code == 128 + number
    assert done == ["first half", "second half"]
    assert not stop.holding


def test_a_block_that_is_broken_off_says_so() -> None:
    with StopSignals() as stop:
        with pytest.raises(OSError, match="full"), stop.held():
            raise OSError("full")
        assert stop.holding


def test_no_signal() -> None:
    with StopSignals() as stop:
        with stop.held():
            pass
        stop.check()
    assert stop.number == 0


@EACH
def test_the_second_is_ignored(number: signal.Signals) -> None:
    with StopSignals() as stop:
        with pytest.raises(SystemExit):
            send(number)
        send(*SIGNALS)
        with pytest.raises(SystemExit, match=str(128 + number)):
            stop.check()


def test_another_thread_stops_the_main_one_with_its_error() -> None:
    with StopSignals() as stop:
        threading.Timer(0.2, stop.stop, [InputError("lost touch")]).start()
        with pytest.raises(InputError, match="lost touch"):
            signal.pause()


def test_handlers_that_others_have_set_in_between() -> None:
    """As Lightning does, which sets its own during a run, and afterwards those from before."""
    stop = StopSignals()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    stop.heed()
    with pytest.raises(SystemExit):
        send(signal.SIGTERM)
    signal.signal(signal.SIGTERM, before)
    stop.end()


def at_once() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    send(*SIGNALS)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def test_two_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python complains of a signal that came before it was set to be ignored, in a traceback that it does not raise."""
    unraisable: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    with StopSignals() as stop:
        with pytest.raises(SystemExit):
            at_once()
        assert stop.number in SIGNALS
    assert not unraisable
