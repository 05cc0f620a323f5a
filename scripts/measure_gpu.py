"""Tests and times everything on a GPU, and prints one table for the docs: make gpu

The tests of `tests/second_device` run on the GPU; a zoo of digits is trained there; the thesis's job on MNIST (Eq. 4.1
with BIM, noise and many models) is timed in three forms, and the attacks beside other libraries. `--device cpu` with
small numbers tries all of it without a GPU.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from benchmark.race import machine
from benchmark.whole_job import Job, command

from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.files import read_json
from lit_adv.models.fast import has_bf16
from lit_adv.zoo.zoo import Zoo

Part = Literal["tests", "job", "benchmark"]
REPOSITORY: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        what: what was done.
        seconds: how long it took.
        ratio: how many times as long `against` took; None where there is nothing to compare.
        against: what it is compared with.
    """

    what: str
    seconds: float
    ratio: float | None = None
    against: str = ""


def measure_gpu(
    device: str = "cuda",
    out: Path = Path("runs/gpu"),
    count: int = 11,
    per_class: int = 10,
    copies: int = 20,
    steps: int = 50,
    rounds: int = 3,
    cw_steps: int = 100,
    only: str = "",
    parts: Sequence[Part] = ("tests", "job", "benchmark"),
) -> None:
    """Tests and times everything on one device, and prints a table in Markdown.

    Args:
        device: cuda, or cpu to try the script.
        out: folder of the zoo that is trained; a zoo that is there already is used.
        count: number of models of the zoo, one of them a test model; the thesis has 101, the benchmark needs 10.
        per_class: digits of each class in the job.
        copies: noisy copies in the job.
        steps: of BIM in the job.
        rounds: number of turns in the benchmark.
        cw_steps: iterations of CW in the benchmark.
        only: text in the names of the benchmark's tasks to do; by default all are done.
        parts: what is done, of tests, job and benchmark.

    Raises:
        InputError: there is no such device, a number is too small, or a part fails.
    """
    if device not in ("cuda", "cpu"):
        raise InputError(f"device is {device}; it must be cuda or cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            f"torch {torch.__version__} finds no GPU here; run it on a machine with one, or try it with --device cpu"
        )
    for name, value, least in (("count", count, 2), ("rounds", rounds, 1)):
        if value < least:
            raise InputError(f"{name} is {value}; it must be {least} or more")
    if "benchmark" in parts and count < 10:
        raise InputError(f"count is {count}; the benchmark needs 10 models, or leave it out of --parts")
    rows: list[Row] = []
    if "tests" in parts:
        rows.append(tested(device))
    if {"job", "benchmark"} & set(parts):
        rows += trained(out / "zoo", count, device)
    if "job" in parts:
        job = Job(sources=count - 1, per_class=per_class, copies=copies, steps=steps)
        rows += timed_job(job, Zoo.open(out / "zoo"), torch.device(device))
    if "benchmark" in parts:
        words = ["--zoo", (out / "zoo").absolute(), "--rounds", rounds, "--cw_steps", cw_steps, "--device", device]
        rows += benchmarked(out / "benchmark.json", [*map(str, words), "--only", only])
    threads = "" if device == "cuda" else f", {torch.get_num_threads()} threads"
    print("\n".join(table(rows, machine(torch.device(device)) + threads)))


def tested(device: str) -> Row:
    """Runs the tests of a second device on the GPU, or, for the CPU, on the simulated device."""
    name = "second" if device == "cpu" else device
    print(f"tests on device {name} …", file=sys.stderr, flush=True)
    seconds, printed = run(["-m", "pytest", "tests/second_device", "--device", name, "-q", "-p", "no:cacheprovider"])
    return Row(f"tests: {summary(printed)}", seconds)


def summary(printed: str) -> str:
    """Finds pytest's last line about numbers of tests, without its time."""
    found = re.findall(r"^(\d+ passed.*?) in [\d.]+s", printed, flags=re.MULTILINE)
    return found[-1] if found else "none"


def trained(zoo: Path, count: int, device: str) -> list[Row]:
    """Trains the networks of a zoo of digits that are not there yet; no row if all are."""
    missing = count - len(list(zoo.glob("model-*.json")))
    if missing <= 0:
        return []
    print(f"training: {missing} models …", file=sys.stderr, flush=True)
    words = ["scripts/train_mnist_zoo.py", "--count", str(count), "--source", "digits", "--out", str(zoo.absolute())]
    seconds, _ = run(words, {} if device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""})
    return [Row(f"training of {missing} networks on 4,000 digits, eight epochs", seconds)]


def timed_job(job: Job, zoo: Zoo, device: torch.device) -> Iterator[Row]:
    """Times `lit-adv predict` in its fast form, exact, and in bfloat16 where the device has that."""
    forms = {"float32": [], "exact": ["--model.exact", "true"]}
    if has_bf16(device):
        forms["bfloat16"] = ["--model.precision", "bf16"]
    seconds = {}
    for form, words in forms.items():
        print(f"{job.name}, {form} …", file=sys.stderr, flush=True)
        try:
            _, seconds[form] = command(job, zoo, 1, torch.get_num_threads(), device, words)
        except RuntimeError as error:
            raise InputError(f"{job.name}, {form}, failed: {last_line(str(error))}") from error
    yield Row(f"{job.name}, float32", seconds["float32"], seconds["exact"] / seconds["float32"], "`exact`")
    if "bfloat16" in seconds:
        yield Row(f"{job.name}, bfloat16", seconds["bfloat16"], seconds["float32"] / seconds["bfloat16"], "float32")


def benchmarked(file: Path, words: Sequence[str]) -> list[Row]:
    """Times the attacks beside other libraries'; a row for each task."""
    print("benchmark …", file=sys.stderr, flush=True)
    run(["scripts/benchmark_attacks.py", *words, "--json_file", str(file.absolute())])
    return [
        Row(
            f"{result['task']}, {result['perturbations']} perturbations",
            result["ms_per_perturbation"]["ours"] * result["perturbations"] / 1000,
            result["ratio_to_best_peer"],
            result["best_peer"],
        )
        for result in read_json(file)["results"]
    ]


def run(words: Sequence[str], more: dict[str, str] | None = None) -> tuple[float, str]:
    """Runs Python in the repository; seconds, and what it printed.

    Raises:
        InputError: it fails; what it printed goes to standard error before.
    """
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, **(more or {})}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        raise InputError(f"{' '.join(words[:3])} failed: {last_line(done.stderr or done.stdout)}")
    return seconds, done.stdout


def last_line(text: str) -> str:
    """Returns the last line that is not empty."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no word")


def table(rows: Sequence[Row], device: str) -> list[str]:
    """Writes the rows in Markdown, below a line that names device and versions."""
    return [
        f"{device}, torch {torch.__version__}; a ratio above 1 means that ours is faster:",
        "",
        "| what | seconds | ratio | against |",
        "| --- | --- | --- | --- |",
        *(
            f"| {row.what} | {row.seconds:.4g} | {'' if row.ratio is None else f'{row.ratio:.2f} ×'} | {row.against} |"
            for row in rows
        ),
    ]


if __name__ == "__main__":
    run_command(measure_gpu)
