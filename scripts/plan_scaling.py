"""Simulates how an ImageNet job spreads over many processes: the planner alone, with costs measured here.

    python scripts/plan_scaling.py --costs costs.json

Times one gradient of each network (random weights, their time does not depend on them), then cuts the job by
multiply-accumulates, as a run does, and lets each batch take the measured time. `fixed` are shares of equal
multiply-accumulates, one a process; `counter` are pieces from the shared counter.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from lit_adv.cli import run_command
from lit_adv.files import read_json, write_json
from lit_adv.models.fast import fast_form
from lit_adv.perturbations.plan import WorkPlan, cut
from lit_adv.perturbations.schedule import imbalance, simulate
from lit_adv.terminal import span
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo


def gradient_seconds(spec: ModelSpec, images: int) -> float:
    """Times one forward and backward pass: seconds an image, the better of two."""
    model = fast_form(spec.prepare(spec.build()).eval())
    x = torch.rand(images, *spec.image_shape, requires_grad=True)
    times = []
    for _ in range(3):
        began = time.monotonic()
        torch.autograd.grad(model(x).logsumexp(1).sum(), x)
        times.append((time.monotonic() - began) / images)
    return min(times[1:])


def plan_scaling(
    costs: Path,
    zoo: Path = Path("imagenet"),
    images: int = 200,
    copies: int = 10,
    passes: int = 52,
    batch_size: int = 16,
    timed_images: int = 2,
    processes: list[int] | None = None,
) -> None:
    """Measures the models that are not measured yet, then prints times and imbalances.

    Args:
        costs: JSON file of seconds an image; measured models are kept in it, so that the command can be interrupted.
        zoo: zoo of the source models.
        images: number of images in the job.
        copies: number of noisy copies of each image for each model.
        passes: gradients for each perturbation: 50 steps of BIM, and the calibration's two forward passes.
        batch_size: number of perturbations in a batch of the job.
        timed_images: number of images in a timed batch.
        processes: numbers of processes; by default 1, 8, 64 and 512.
    """
    sources = Zoo.open(zoo).sources
    seconds: dict[str, float] = read_json(costs) if costs.exists() else {}
    for place, spec in enumerate(sources):
        if spec.name not in seconds:
            seconds[spec.name] = gradient_seconds(spec, timed_images)
            write_json(costs, seconds)
            print(f"{place + 1} of {len(sources)}: {spec.name}, {1000 * seconds[spec.name]:.0f} ms", flush=True)
    macs = [float(spec.macs) for spec in sources]
    rate = np.array([seconds[spec.name] / spec.macs for spec in sources])
    low, middle, high = np.quantile(rate, [0.1, 0.5, 0.9]) * 1e12
    print(f"ms for 10⁹ multiply-accumulates: median {middle:.0f}, from {low:.0f} (10 %) to {high:.0f} (90 %)")
    plan = WorkPlan(models=len(sources), images=images, copies=copies, batch_size=batch_size)
    by_macs = np.array([plan.cost(number, macs) for number in range(len(plan))])
    times = passes * np.array([plan.cost(number, [seconds[s.name] for s in sources]) for number in range(len(plan))])
    table = Table("processes", "time", "slowest over mean: fixed", "counter", "models loaded a process", "pieces")
    rows = []
    for count in processes or [1, 8, 64, 512]:
        bounds = np.searchsorted(np.cumsum(by_macs), by_macs.sum() * np.arange(1, count) / count)
        fixed = [float(times[part].sum()) for part in np.split(np.arange(len(plan)), bounds)]
        pieces = cut(plan, range(len(plan)), macs, count)
        shares = simulate(pieces, times, count)
        took, loads = [s.seconds for s in shares], [s.loads(plan) for s in shares]
        rows.append({"processes": count, "seconds": max(took), "fixed": imbalance(fixed), "counter": imbalance(took)})
        table.add_row(
            str(count), span(max(took)), f"{100 * imbalance(fixed):.1f} %", f"{100 * imbalance(took):.1f} %",
            f"{min(loads)} to {max(loads)}", str(len(pieces)),
        )  # fmt: skip
    parts = f"{plan.models} models × {images} images × {copies} copies, {len(plan)} batches"
    print(f"{plan.models * plan.pairs} perturbations ({parts}), {passes} gradients each")
    Console().print(table)
    print(json.dumps(rows))


if __name__ == "__main__":
    run_command(plan_scaling)
