"""The folder of a run: who may work in it, and what is there already."""

import shutil
from pathlib import Path
from typing import Any, Final, NamedTuple

from filelock import FileLock, Timeout
from torch import Tensor

from lit_adv.errors import AlreadyDone, InputError
from lit_adv.files import check_writable, read_json, write_json
from lit_adv.perturbations.cell_sums import GROWTH, SUMS
from lit_adv.perturbations.differences import compare
from lit_adv.perturbations.manifest import LEFT_OUT, Manifest
from lit_adv.perturbations.partial_sums import State, added_up, done_batches, load_state, merge_states, number_of
from lit_adv.perturbations.perturbation_set import EVALUATION, MANIFEST, TENSORS, PerturbationSet
from lit_adv.terminal import say

FILES: Final = (MANIFEST, TENSORS, SUMS, GROWTH, EVALUATION)
"""Files of a finished set."""
NOT_THERE: Final = {name: LEFT_OUT[name] for name in ("weight", "groups", "growth", "until")}
"""What a manifest says of how sums are kept by saying nothing."""


class Start(NamedTuple):
    """One start of a run.

    Attributes:
        number: its number, from 1.
        done: `[batches]` bool, batches that earlier starts have finished.
    """

    number: int
    done: Tensor


class RunFolder:
    """The folder of a run, from its first start to the finished set.

    Until the set is complete the folder holds `partial/`: `run.json` (the run's manifest so far), a lock, and sums with
    the list of batches in them: a file for each process of the present start, and a merged one for all earlier starts.
    It stays where a run stopped once it was reliable enough, and can go on.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path / "partial"
        self._run = self.partial / "run.json"
        self._lock = FileLock(self.partial / "lock")

    @property
    def kept(self) -> str:
        """Where the work done so far is, in words."""
        return f"what is done is kept in {self.partial}"

    def options(self) -> tuple[int | None, bool]:
        """Number of groups, None if no run is here, and whether it keeps growth; it can only go on so."""
        for path in (self._run, self.path / MANIFEST):
            if path.exists():
                there = Manifest.load(path)
                return there.groups, there.growth
        return None, False

    def open(self, manifest: Manifest, empty: State, restart: bool = False, rho: float | None = None) -> Start:
        """Begins or continues a run, on its first process; the folder is locked until `close`.

        Args:
            manifest: the run's.
            empty: sums of the right shapes; their values do not count.
            restart: delete whatever is here, finished or not.
            rho: the reliability at which the run stops; None if it does not.

        Raises:
            AlreadyDone: the folder holds this very set.
            InputError: it holds another run, another start is at work here, a file is damaged or cannot be written.
        """
        run = manifest.to_json()
        if (self.path / MANIFEST).exists() and not restart and not self._goes_on(rho):
            self._refuse_finished(run)
        check_writable(self.partial)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"{self.path}: another start of this run is at work; wait for it, or stop it") from error
        try:
            keep = not restart and self._continues(run)
            if restart:
                if found := self._contents():
                    say(f"--restart deletes what is in {self.path}: {found}")
                for name in FILES:
                    (self.path / name).unlink(missing_ok=True)
            merged = merge_states(self.partial, empty, keep)
            write_json(self._run, run)
            return Start(number_of(merged), load_state(merged)["done"].bool())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Unlocks the folder, if it is locked by this object."""
        self._lock.release()

    def state_file(self, start: int, process: int) -> Path:
        """The file of a process's sums."""
        return self.partial / f"start-{start}-process-{process}.safetensors"

    def added_up(self, start: int, processes: int, empty: State) -> State:
        """The sums of all starts and processes.

        Args:
            start: number of the present start.
            processes: how many processes it has.
            empty: as in `open`.

        Raises:
            InputError: a file is missing, damaged, of another run, or repeats batches.
        """
        return added_up(self.partial, empty, [self.state_file(start, process) for process in range(processes)])

    def remove_partial(self) -> None:
        """Deletes what only an unfinished run needs."""
        shutil.rmtree(self.partial, ignore_errors=True)

    def _contents(self) -> str:
        """Describes what `restart` deletes; empty if there is nothing to lose."""
        files = [name for name in FILES if (self.path / name).exists()]
        kept = [f"a finished set ({', '.join(files)})"] if files else []
        try:
            done = done_batches(self.partial)
        except InputError:
            return " and ".join([*kept, "damaged sums of an unfinished run (partial)"])
        return " and ".join([*kept, *([f"an unfinished run with {done} batches done (partial)"] if done else [])])

    def _goes_on(self, rho: float | None) -> bool:
        """Whether the finished set is of a run that stopped, and is less reliable than is asked for now."""
        until = Manifest.load(self.path / MANIFEST).until
        return until is not None and rho is not None and rho > until["rho"] and self._run.exists()

    def _refuse_finished(self, run: dict[str, Any]) -> None:
        there = Manifest.load(self.path / MANIFEST).with_missing()
        same = "until" in run and there.until is not None and self._run.exists()  # it stopped: what it is is kept there
        known = read_json(self._run) if same else there.to_json()
        other = {"device", "torch"} | (set() if run["device"] == there.device else {"arithmetic"})
        asked = {name: value for name, value in {**NOT_THERE, **run}.items() if name not in other}
        if differences := compare({**NOT_THERE, **known}, asked):
            raise InputError(
                f"{self.path} holds a different finished run ({differences}); choose another --out, or --restart"
            )
        missing = [model.name for model in PerturbationSet.load(self.path).manifest.missing]
        if not same:
            self.remove_partial()
        but = f", without {', '.join(missing)}, which failed; --restart tries again" if missing else "; nothing to do"
        raise AlreadyDone(f"{self.path} holds this perturbation set already{but}")

    def _continues(self, run: dict[str, Any]) -> bool:
        """Whether the sums in the folder are of this run; those of another are refused, unless they are empty."""
        if not self._run.exists() or not (
            differences := compare({**NOT_THERE, **read_json(self._run)}, {**NOT_THERE, **run})
        ):
            return True
        if done_batches(self.partial):
            raise InputError(
                f"{self.path} holds a different unfinished run ({differences}); choose another --out, or --restart"
            )
        return False
