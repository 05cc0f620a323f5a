"""Processes tell each other of failures, of stopping, of being alive and of their end."""

import importlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
import torch.distributed
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies.launchers.subprocess_script import _ChildProcessObserver, _SubprocessScriptLauncher
from lightning_fabric.utilities import rank_zero
from torch.distributed import HashStore

from lit_adv import processes
from lit_adv.errors import InputError
from lit_adv.processes import GIVEN_UP, Launched, Peers, process_number, shared_store


class GoneStore(HashStore):
    """The store of a run whose first process has ended."""

    def add(self, key: str, amount: int) -> int:
        raise RuntimeError("Connection reset by peer")

    def check(self, keys: list[str]) -> bool:
        raise RuntimeError("Connection reset by peer")


def peers(number: int = 2) -> list[Peers]:
    store = HashStore()
    return [Peers(store, rank, number, "it is kept in X") for rank in range(number)]


def test_a_failure_is_told_once_and_heard_by_all() -> None:
    first, second, third = peers(3)
    assert first.hear_failures() == {}
    assert first.tell_failures({4: "NaN", 2: "no file"}) == {4: "NaN", 2: "no file"}
    assert first.tell_failures({4: "NaN", 2: "no file", 7: "late"}) == {7: "late"}
    assert second.hear_failures() == {4: "NaN", 2: "no file", 7: "late"}
    assert second.hear_failures() == {}
    assert second.tell_failures({4: "NaN", 0: "other"}) == {0: "other"}
    assert third.hear_failures() == {4: "NaN", 2: "no file", 7: "late", 0: "other"}


def test_the_first_of_two_reasons_counts() -> None:
    first, second, third = peers(3)
    first.tell_failures({1: "first"})
    second.tell_failures({1: "second"})
    assert third.hear_failures() == {1: "first"}


def test_who_stopped_first_is_told() -> None:
    first, second, third = peers(3)
    second.refuse_stopped()
    first.stop("signal 15")
    third.stop("another reason")
    with pytest.raises(InputError, match=r"^process 0 stopped: signal 15 \(it is kept in X\)$"):
        second.refuse_stopped()


def test_all_wait_for_the_slowest() -> None:
    first, second = peers()
    checks: list[int] = []
    first.finish({"batches": 3})

    def check() -> None:
        checks.append(0)
        if len(checks) == 2:
            second.finish({"batches": 4})

    assert first.wait_for_all(check) == [{"batches": 3}, {"batches": 4}]
    assert len(checks) == 2


def test_the_first_decides_once_all_are_there() -> None:
    asked: list[int] = []
    there: list[int] = []

    def decide() -> bool:
        asked.append(len(there))
        return len(asked) == 1

    def go(peer: Peers) -> list[bool]:
        found = []
        for place in ("a", "b"):
            there.append(peer.rank)
            found.append(peer.meet(place, decide, lambda: None))
        return found

    with ThreadPoolExecutor() as threads:
        assert list(threads.map(go, peers(3))) == [[True, False]] * 3
    assert asked[0] >= 3
    assert len(asked) == 2


def test_meeting_ends_when_another_stops() -> None:
    first, second = peers()
    first.stop("signal 2")
    with pytest.raises(InputError, match="process 0 stopped: signal 2"):
        second.meet("a", lambda: True, second.refuse_stopped)


def test_waiting_ends_when_another_stops() -> None:
    first, second = peers()
    second.stop("no room")
    with pytest.raises(InputError, match="process 1 stopped: no room"):
        first.wait_for_all(first.refuse_stopped)


class Clock:
    """Time that passes in sleep only."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_process_without_a_sign_of_life_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = HashStore(), Clock()
    first = Peers(store, 0, 2, "it is kept in X")
    first.finish(None)
    monkeypatch.setattr(processes, "time", clock)
    last_sign = 3 * GIVEN_UP

    def check() -> None:
        if clock.now < last_sign:
            store.add("alive-1", 1)

    with pytest.raises(InputError, match=r"process 1 has ended without a word; .*it is kept in X"):
        first.wait_for_all(check)
    assert last_sign + GIVEN_UP <= clock.now <= last_sign + GIVEN_UP + 1


def test_signs_of_life_go_on_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SIGN_OF_LIFE", 0.01)
    store = HashStore()
    peer = Peers(store, 1, 2, "")
    peer.give_signs_of_life(lambda error: None)
    while store.add("alive-1", 0) < 3:
        time.sleep(0.01)
    peer.close()


def test_a_lost_first_process_is_noticed() -> None:
    heard: SimpleQueue[InputError] = SimpleQueue()
    lost = Peers(GoneStore(), 1, 2, "it is kept in X")
    lost.give_signs_of_life(heard.put)
    assert "lost touch with the first process" in str(heard.get(timeout=30))
    lost.stop("nobody hears it")


def test_a_closed_process_does_not_mind_the_loss() -> None:
    heard: SimpleQueue[InputError] = SimpleQueue()
    closed = Peers(GoneStore(), 1, 2, "")
    closed.close()
    closed._live(heard.put)
    assert heard.empty()


def test_the_store_is_that_of_the_process_group(tmp_path: Path) -> None:
    """Breaks when `_get_default_store` of torch.distributed goes, which has no public counterpart."""
    assert shared_store("a").add("n", 1) == shared_store("a").add("n", 1) == 1
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    try:
        assert [shared_store("a").add("n", 1), shared_store("a").add("n", 1), shared_store("b").add("n", 1)] == [
            1,
            2,
            1,
        ]
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_process_number(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Lightning reads it, when it is imported, from a variable that launchers set."""
    assert process_number() == 0
    monkeypatch.delattr(rank_zero.rank_zero_only, "rank")
    monkeypatch.setenv(name, "3")
    importlib.reload(rank_zero)
    assert process_number() == 3


def test_launched_processes_are_taken_from_lightning() -> None:
    """Breaks when Lightning keeps its processes elsewhere: it would kill all of them when one ends."""
    launcher = _SubprocessScriptLauncher(LightningEnvironment(), num_processes=2, num_nodes=1)
    child = subprocess.Popen(["sh", "-c", "exit 3"])
    launcher.procs.append(child)
    observer = _ChildProcessObserver(main_pid=0, child_processes=launcher.procs)
    launched = Launched(launcher, "it is kept in X")
    assert launcher.procs == []
    assert observer._run()  # it sees nobody, and ends
    child.wait()
    with pytest.raises(InputError, match=r"process 1 of this machine has ended with code 3 \(it is kept in X\)"):
        launched.refuse_ended()


def test_launched_processes_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LAST_SAVE", 1.0)
    stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done"], stdout=subprocess.PIPE)
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    polite = subprocess.Popen(["sleep", "60"])

    class Launcher:
        procs = [stubborn, polite]  # noqa: RUF012

    launched = Launched(Launcher(), "")
    launched.refuse_ended()
    launched.terminate()
    launched.wait()
    assert (polite.wait(), stubborn.wait()) == (-15, -9)
    stubborn.stdout.close()


def test_nobody_launched_anything() -> None:
    launched = Launched(None, "")
    launched.refuse_ended()
    launched.terminate()
    launched.wait()
    assert launched.processes == []
