"""Processes of one run: messages among them, and watch over those launched."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import torch.distributed
from torch.distributed import HashStore, PrefixStore, Store

from lit_adv.errors import InputError

SIGN_OF_LIFE: Final = 5.0
"""Seconds between a process's signs of life."""
GIVEN_UP: Final = 60.0
"""Seconds after which a process without a sign of life is taken for dead."""
LAST_SAVE: Final = 10.0
"""Seconds that a launched process has for its last save."""
LAUNCHER: Final = "LIT_ADV_LAUNCHER"
"""Variable by which a launched process knows the number of the one that launched it; set while that launches."""


def end_with_launcher() -> None:
    """Lets a process that was launched by another, see `LAUNCHER`, end with a last save when that has gone.

    Before the processes share a store, it would wait for the first one for half an hour.
    """
    itself = str(os.getpid())
    if (launcher := os.environ.pop(LAUNCHER, itself)) != itself:
        threading.Thread(target=_watch, args=(int(launcher),), daemon=True).start()


def _watch(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GIVEN_UP)
    os._exit(128 + signal.SIGTERM)


def process_number() -> int:
    """Returns this process's number among those of the run, 0 for the first."""
    from lightning_fabric.utilities import rank_zero_only

    rank: int = rank_zero_only.rank  # type: ignore[attr-defined]  # set on the function when Lightning is imported
    return rank


def shared_store(name: str) -> Store:
    """Returns the store in which this run's processes count together; a store of its own for a single process.

    Args:
        name: keeps keys of different uses apart.
    """
    from torch.distributed.distributed_c10d import _get_default_store  # no public function gives it

    return PrefixStore(name, _get_default_store() if torch.distributed.is_initialized() else HashStore())


class Peers:
    """This process's word to the others of its run, and theirs to it, through the store that they share.

    Methods raise RuntimeError once the first process has gone, for the store goes with it.

    Args:
        store: the store.
        rank: this process's number.
        processes: the number of processes.
        kept: ends messages: where the work done so far is kept.
    """

    def __init__(self, store: Store, rank: int, processes: int, kept: str) -> None:
        self.rank = rank
        self.processes = processes
        self.kept = kept
        self._store = store
        self._heard = 0
        self._told: set[int] = set()
        self._closed = threading.Event()

    def give_signs_of_life(self, lost: Callable[[InputError], None]) -> None:
        """Starts a thread that counts up in the store every few seconds, until `close`.

        Args:
            lost: called, in that thread, with an error for the user when the first process has gone.
        """
        threading.Thread(target=self._live, args=(lost,), daemon=True).start()

    def _live(self, lost: Callable[[InputError], None]) -> None:
        try:
            while not self._closed.is_set():
                self._store.add(f"alive-{self.rank}", 1)
                self._closed.wait(SIGN_OF_LIFE)
        except RuntimeError:
            if not self._closed.is_set():
                error = f"lost touch with the first process; start the same command again ({self.kept})"
                lost(InputError(error))

    def close(self) -> None:
        """Ends the signs of life."""
        self._closed.set()

    def stop(self, reason: str) -> None:
        """Tells the others that this process stops, unless another has said so first or the store has gone."""
        with suppress(RuntimeError):
            if not self._store.check(["stopped"]):
                self._store.set("stopped", f"process {self.rank} stopped: {reason}")

    def refuse_stopped(self) -> None:
        """Stops this process when another has stopped.

        Raises:
            InputError: one has.
        """
        if self._store.check(["stopped"]):
            raise InputError(f"{self._store.get('stopped').decode()} ({self.kept})")

    def tell_failures(self, failed: Mapping[int, str]) -> dict[int, str]:
        """Tells the others of source models that failed; returns those that nobody has told of yet.

        Args:
            failed: positions of source models, and why they failed.
        """
        new = {position: failed[position] for position in failed.keys() - self._told}
        for position, reason in new.items():
            self._told.add(position)
            self._store.set(
                f"failure-{self._store.add('failures', 1)}", json.dumps({"position": position, "reason": reason})
            )
        return new

    def hear_failures(self) -> dict[int, str]:
        """Returns the failures told since the last call, by any process: positions of source models, and reasons."""
        heard: dict[int, str] = {}
        while self._heard < self._store.add("failures", 0):
            self._heard += 1
            note = json.loads(self._store.get(f"failure-{self._heard}"))
            self._told.add(note["position"])
            heard.setdefault(note["position"], note["reason"])
        return heard

    def finish(self, work: Any) -> None:
        """Tells the others that this process has finished.

        Args:
            work: JSON values about its work.
        """
        self._store.set(f"finished-{self.rank}", json.dumps(work))

    def wait_for_all(self, check: Callable[[], None]) -> list[Any]:
        """Waits until every process has finished.

        Args:
            check: called about ten times a second; raises to end the wait.

        Returns:
            What each process gave to `finish`.

        Raises:
            InputError: a process has given no sign of life for `GIVEN_UP` seconds.
        """
        self._wait_for("finished", check)
        return [json.loads(self._store.get(f"finished-{rank}")) for rank in range(self.processes)]

    def meet(self, place: str, decide: Callable[[], bool], check: Callable[[], None]) -> bool:
        """Waits until every process is at a place; returns what the first decides there.

        Args:
            place: its name, no other's.
            decide: called on the first process once all are there.
            check: as in `wait_for_all`.

        Raises:
            InputError: as in `wait_for_all`.
        """
        self._store.set(f"{place}-{self.rank}", "there")
        if self.rank == 0:
            self._wait_for(place, check)
            self._store.set(f"{place}-decided", str(int(decide())))
        while not self._store.check([f"{place}-decided"]):
            check()
            time.sleep(0.05)
        return self._store.get(f"{place}-decided") == b"1"

    def _wait_for(self, word: str, check: Callable[[], None]) -> None:
        signs, heard = [0] * self.processes, [time.monotonic()] * self.processes
        while waiting := [rank for rank in range(self.processes) if not self._store.check([f"{word}-{rank}"])]:
            check()
            time.sleep(0.1)
            for rank in waiting:
                if (sign := self._store.add(f"alive-{rank}", 0)) != signs[rank]:
                    signs[rank], heard[rank] = sign, time.monotonic()
                if time.monotonic() - heard[rank] > GIVEN_UP:
                    raise InputError(
                        f"process {rank} has ended without a word; start the same command again ({self.kept})"
                    )


class Launched:
    """The processes that Lightning has launched on this machine, watched from now on in Lightning's place.

    Lightning kills all processes when one ends; here they save first. So its list of them is emptied, which is no
    public way, but the only one.

    Args:
        launcher: the trainer's `strategy.launcher`.
        kept: see `Peers`.
    """

    def __init__(self, launcher: object, kept: str) -> None:
        watched: list[subprocess.Popen[bytes]] = getattr(launcher, "procs", [])
        self.processes = watched.copy()
        self.kept = kept
        watched.clear()

    def refuse_ended(self) -> None:
        """Stops this process when one that was launched has failed.

        Raises:
            InputError: one has.
        """
        for number, process in enumerate(self.processes, 1):
            if process.poll():
                raise InputError(
                    f"process {number} of this machine has ended with code {process.returncode} ({self.kept})"
                )

    def terminate(self) -> None:
        """Asks all to save and end."""
        for process in self.processes:
            process.terminate()

    def wait(self) -> None:
        """Waits for all to end; kills one that has not after `LAST_SAVE` seconds."""
        for process in self.processes:
            try:
                process.wait(LAST_SAVE)
            except subprocess.TimeoutExpired:
                process.kill()
