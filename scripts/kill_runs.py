"""Kills real runs at random moments and starts them again, until the sets are done; compares them bit for bit.

    python scripts/kill_runs.py --zoo zoo/digits --kills 50

Each start has 1 to 3 processes on the CPU, drawn anew. At a random moment, three times of four after the first batch
has begun, one of them or all get SIGKILL, SIGTERM or SIGINT.
"""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import torch

from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
SETTINGS = """
trainer:
  accelerator: cpu
  callbacks:
    - class_path: callbacks.perturbation_average.PerturbationAverage
      init_args: {save_every: 1}
    - class_path: callbacks.progress.PerturbationProgress
data:
  init_args: {per_class: 2, copies: 4, batch_size: 10}
"""


def command(zoo: Path, out: Path, processes: int, steps: int) -> list[str]:
    """The words that start a run; its settings lie beside its folder."""
    settings = out.parent / "settings.yaml"
    settings.write_text(SETTINGS, encoding="utf-8")
    words = ["-m", "lit_adv", "predict", "--config", "mnist-nmm-bim", "--config", str(settings), "--zoo", str(zoo)]
    words += ["--out", str(out), "--model.attack.steps", str(steps), "--trainer.devices", str(processes)]
    return [sys.executable, *words]


def start(words: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Starts a run in a process group of its own, one thread for each process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("wb") as file:
        return subprocess.Popen(words, env=environment, stdout=file, stderr=file, start_new_session=True)


def strike(process: "subprocess.Popen[bytes]", number: int, everyone: bool, patient: bool, dice: random.Random) -> None:
    """Sends a signal to all processes of a run or to one of them.

    Waits until all are gone, or, not `patient`, until the first one is: the next start then meets what is left.

    Raises:
        InputError: they are still there after a minute.
    """
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family if everyone else [dice.choice(family)]:
        with suppress(psutil.NoSuchProcess):
            one.send_signal(number)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired as error:
        raise InputError("a minute after the signal the run is still there") from error
    if patient and psutil.wait_procs(family[1:], timeout=60)[1]:
        raise InputError("a minute after the signal processes of the run are still there")


def wait(running: "subprocess.Popen[bytes]", log: Path, dice: random.Random, longest: float) -> None:
    """Waits for a random moment, or the end of the run."""
    if dice.random() < 0.75:
        while running.poll() is None and b" perturbations: " not in log.read_bytes():
            time.sleep(0.02)
    deadline = time.monotonic() + dice.uniform(0, longest)
    while running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def kill_runs(zoo: Path, kills: int = 50, seed: int | None = None, steps: int = 50, longest: float = 10.0) -> None:
    """Kills runs until so many kills have been made, and compares each finished set with an undisturbed one.

    Args:
        zoo: the zoo's folder, of MNIST models.
        kills: how many in all.
        seed: of the moments, signals and numbers of processes; left out, a new one, which is printed.
        steps: of BIM; more make longer runs.
        longest: the most seconds from a start, or from its first batch, to a kill.
    """
    seed = int.from_bytes(os.urandom(4), "little") if seed is None else seed
    print(f"seed {seed}", flush=True)
    dice = random.Random(seed)
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"

        def undisturbed(out: Path, processes: int) -> PerturbationSet:
            if start(command(zoo, out, processes, steps), log).wait():
                raise InputError(f"a run failed: {log.read_text(encoding='utf-8')[-2000:]}")
            return PerturbationSet.load(out)

        began = time.monotonic()
        expected = undisturbed(Path(folder) / "undisturbed", 1)
        print(f"undisturbed: {time.monotonic() - began:.0f} s", flush=True)
        made = sets = 0
        while made < kills:
            out, mine = Path(folder) / f"set-{sets}", 0
            while not (out / "manifest.json").exists():
                processes = dice.randint(1, 3)
                running = start(command(zoo, out, processes, steps), log)
                wait(running, log, dice, longest)
                if running.poll() is None and made < kills:
                    number, everyone = dice.choice(SIGNALS), dice.random() < 0.5
                    patient = dice.random() < 0.7
                    strike(running, number, everyone, patient, dice)
                    made, mine = made + 1, mine + 1
                    whom = "all" if everyone else "one"
                    then = "" if patient else ", restarted at once"
                    print(f"kill {made}: {number.name} to {whom} of {processes}{then}", flush=True)
                elif running.wait() and not (out / "manifest.json").exists():
                    raise InputError(f"a run failed by itself: {log.read_text('utf-8')[-2000:]}")
            found = PerturbationSet.load(out)
            if not torch.equal(found.perturbation, expected.perturbation) or not torch.equal(
                found.count, expected.count
            ):
                raise InputError(f"set {sets}, after {mine} kills (seed {seed}), differs from the undisturbed one")
            sets += 1
            print(f"set {sets}: equal bit for bit after {mine} kills", flush=True)
    print(f"{made} kills, {sets} sets, all equal to the undisturbed one bit for bit; seed {seed}")


if __name__ == "__main__":
    run_command(kill_runs)
