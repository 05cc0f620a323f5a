"""Compares the fast forms of a zoo's networks with the networks as they are:
python scripts/measure_fast_forms.py --zoo ZOO --trust '[nets]' --json_file forms.json

For each source model: one gradient of the images, by the network as it is and by its fast form, each with glibc's own
limits on freed memory and with those that every command of lit-adv sets. The four take turns; each counts its least
processor time, which other jobs of the machine disturb less than a clock. Ratios above 1 mean that the fast form, or
kept memory, is faster.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from lit_adv.attacks import Gradient
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.files import expanded, write_json
from lit_adv.freed_memory import keep_freed_memory, limit_freed_memory
from lit_adv.models.fast import fast_form
from lit_adv.zoo.zoo import Zoo

CONTESTANTS: Final = ("plain", "fast", "plain, kept", "fast, kept")
GLIBC_REACHES: Final = 32 << 20
"""Bytes up to which glibc raises the limit of what it maps by itself; it trims from twice as much."""


def measure_fast_forms(
    zoo: Path,
    trust: Sequence[str] = (),
    json_file: Path | None = None,
    batch: int = 16,
    rounds: int = 3,
    threads: int = 1,
    models: int | None = None,
) -> None:
    """Times one gradient of each source model, as it is and in its fast form, and prints the ratios.

    Args:
        zoo: zoo folder or file.
        trust: packages whose code may run.
        json_file: file to which the figures are written, too.
        batch: images side by side, 16 as in a run.
        rounds: turns of each contestant.
        threads: of torch.
        models: number of source models; by default all.
    """
    for name, value in (("batch", batch), ("rounds", rounds), ("threads", threads)):
        if value < 1:
            raise InputError(f"--{name} must be at least 1")
    torch.set_num_threads(threads)
    sources = Zoo.open(zoo, trust=list(trust)).sources[:models]
    if not sources:
        raise InputError(f"zoo {zoo} has no source model; --models must be at least 1")
    console, rows = Console(), []
    for spec in sources:
        model = spec.load()
        times = turns([model, fast_form(model, spec.example())], _images(batch, spec.image_shape), rounds)
        rows.append({"model": spec.name, **{k: round(1000 * v / batch, 3) for k, v in times.items()}})
        console.print(f"{spec.name}: {times['plain'] / times['fast, kept']:.2f} ×", highlight=False)
    total = {"model": "all", **{k: round(sum(float(row[k]) for row in rows), 3) for k in CONTESTANTS}}
    table = Table(
        title=f"{threads} threads, torch {torch.__version__}; ms of processor time for a gradient of an image"
    )
    for heading in ("model", *CONTESTANTS, "plain : fast, kept", "plain, kept : fast, kept"):
        table.add_column(heading)
    for row in [*rows, total]:
        each = {k: float(row[k]) for k in CONTESTANTS}
        ratios = (f"{each[k] / each['fast, kept']:.2f} ×" for k in ("plain", "plain, kept"))
        table.add_row(str(row["model"]), *(f"{v:.1f}" for v in each.values()), *ratios)
    Console(width=max(console.width, 120)).print(table)
    if json_file is not None:
        write_json(expanded(json_file), {"batch": batch, "threads": threads, "rows": [*rows, total]})


def turns(forms: Sequence[nn.Module], images: Tensor, rounds: int) -> dict[str, float]:
    """Returns the least seconds of processor time of each of `CONTESTANTS`, for two forms of a model."""
    gradient, labels = Gradient(), torch.arange(len(images)) % 2
    least = dict.fromkeys(CONTESTANTS, float("inf"))
    for _ in range(rounds):
        for name, (limits, form) in zip(CONTESTANTS, [(k, f) for k in (False, True) for f in forms], strict=True):
            if limits:
                keep_freed_memory()
            else:
                limit_freed_memory(mapped=GLIBC_REACHES, trimmed=2 * GLIBC_REACHES)
            gradient(form, images, labels)
            least[name] = min(least[name], processor_time(lambda form=form: gradient(form, images, labels)))
    return least


def processor_time(work: Callable[[], object]) -> float:
    """Measures the seconds of one call, of all threads of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _images(count: int, shape: tuple[int, int, int]) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(0))


if __name__ == "__main__":
    run_command(measure_fast_forms)
