"""`predict --plan`: work, time, memory and disk of a run, from a short measurement."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.run_description import cells_of
from datamodules.claims import BatchClaim
from datamodules.replicas import ReplicaDataModule
from lit_adv.attack_module import AttackModule
from lit_adv.attacks import Attack
from lit_adv.cli import proposal
from lit_adv.errors import InputError
from lit_adv.perturbations.exact_mean import WORD_BITS
from lit_adv.perturbations.manifest import Weight
from lit_adv.perturbations.perturb import perturb_batch
from lit_adv.perturbations.plan import WorkPlan, cut
from lit_adv.perturbations.schedule import Share, imbalance, simulate
from lit_adv.terminal import span

MEASURED: Final = 8
"""Most batches that are timed."""
SHORT: Final = (1, 3)
"""Steps of the two timed attacks: time per step = (t(3) − t(1)) / 2, from which the full attack is extrapolated."""
LISTED: Final = 16
"""Most processes that get a line each."""


def dry_run(
    module: AttackModule,
    data: ReplicaDataModule,
    trainer: pl.Trainer,
    processes: int | None,
    groups: int | None = None,
    growth: bool = False,
    weight: Weight = "none",
    until: float | None = None,
) -> None:
    """Prints what `predict` would do, how long it would take, and what memory and disk it would need.

    Up to eight batches of different models are timed here, with few steps of the attack; the others' time follows from
    the multiply-accumulates. The run's folder is neither read nor written.

    Args:
        module: the attack and its source models.
        data: the images.
        trainer: gives the device, and the processes of this machine.
        processes: number of processes in all; None for the trainer's.
        groups: number of groups whose sums are kept (`--groups`); None for the default.
        growth: whether the run sums by stretches of models and copies too (`--growth`).
        weight: how perturbations are weighted (`--weight`).
        until: the reliability for which models and copies are proposed (`--until`); None for none.

    Raises:
        InputError: the run itself would be refused, or there are more processes than batches.
    """
    module.refuse_images(data.image_shape)
    data.prepare_data()
    module.refuse_classes(data.class_count)
    data.setup("predict")
    plan = data.plan
    processes = trainer.world_size if processes is None else processes
    if processes < 1:
        raise InputError(f"--plan is {processes}; it must be at least 1, or left out for the trainer's")
    if processes > len(plan):
        raise InputError(f"{processes} processes for {len(plan)} batches leave some without work; plan for fewer")
    device = trainer.strategy.root_device
    if device.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // trainer.num_devices))
    parts = f"{plan.models} models × {plan.images} images × {plan.copies} copies"
    print(
        f"{plan.models * plan.pairs} perturbations: {parts}, by {type(module.attack).__name__}, in {len(plan)} batches"
    )

    seconds = measure(module.to(device), data)
    shares = simulate(cut(plan, range(len(plan)), data.costs, processes), seconds, processes)
    for line in describe(shares, plan):
        print(line)
    print(f"(each process on a device like the one measured, {in_words(device)}; start-up and saving not counted)")
    cells = cells_of(data, None, False, groups, growth)
    words = module.attack.fraction_bits // WORD_BITS
    sums = words * (len(cells) + (cells.groups > 1))  # squares are summed too
    print(describe_needs(data.selection.images.numel(), sums, processes, len(cells) > 1, peak_memory(device)))
    if until is not None:
        each = float(seconds.sum()) / (plan.models * plan.pairs)
        for line in proposal.in_words(proposal.measure(module, data, weight, each), until, plan.models, plan.images):
            print(line)


def in_words(device: torch.device) -> str:
    """Names a device for the user."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of this CPU" if device.type == "cpu" else device.type


def measure(module: AttackModule, data: ReplicaDataModule) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Returns the seconds `[len(plan)]` of each batch: a few timed, the others from the nearest in cost."""
    plan, dataset = data.plan, data.dataset()
    firsts = range(0, len(plan), plan.batches_per_stack)
    cost = np.array([plan.cost(number, data.costs) for number in range(len(plan))])
    costs, different = np.unique(cost[firsts], return_index=True)
    places = np.linspace(0, len(costs) - 1, min(MEASURED, len(costs))).round().astype(int)
    rate = {}
    for number in (firsts[i] for i in different[places]):
        specs = [module.sources[model] for model in plan.models_of(number)]
        real = all(spec.at_hand() for spec in specs)
        models = [s.load() if real else s.prepare(s.build()).eval().requires_grad_(False) for s in specs]
        batch = module.transfer_batch_to_device(dataset[BatchClaim(number, None)], module.device, 0)
        ready = module.loader.ready(models, module.device, specs[0].example())
        each = timed(partial(perturb_batch, ready, batch), module.attack)
        rate[number] = each / cost[number]
        names = specs[0].name + (f" and {len(specs) - 1} more" if len(specs) > 1 else "")
        note = "" if real else ", random weights"
        print(f"measured: {names}, {1000 * each / plan.rows(number):.1f} ms a perturbation{note}", flush=True)
    stacks = np.array(firsts)
    nearest = {n: min(rate, key=lambda c: abs(cost[c] - cost[n])) for n in stacks.tolist()}
    rates = np.array([rate[nearest[n]] for n in stacks.tolist()])
    return np.asarray(cost * np.repeat(rates, plan.batches_per_stack)[: len(plan)])


def timed(perturb: Callable[[Attack], Tensor], attack: Attack) -> float:
    """Returns the seconds of one batch; `perturb` runs the attack that it is given on it."""

    def once(form: Attack) -> float:
        began = time.monotonic()
        perturb(form).sum().item()
        return time.monotonic() - began

    if attack.cost_parameter is None:
        once(attack)
        return once(attack)
    whole = getattr(attack, attack.cost_parameter)
    short, longer = (shortened(attack, min(steps, whole)) for steps in SHORT)
    once(short)
    first, second = once(short), once(longer)
    per_step = max(second - first, 0.0) / (SHORT[1] - SHORT[0])
    return float(first + per_step * max(whole - SHORT[0], 0))


def shortened(attack: Attack, length: int) -> Attack:
    """Returns the attack with `length` steps or queries."""
    assert attack.cost_parameter is not None
    return replace(attack, **{attack.cost_parameter: length})  # type: ignore[type-var]


def describe(shares: list[Share], plan: WorkPlan) -> list[str]:
    """Returns time and shares in lines for the user."""
    times = [share.seconds for share in shares]
    lines = [f"time: about {span(max(times))} with {len(shares)} process{'es' if len(shares) > 1 else ''}"]
    if len(shares) == 1:
        return lines
    lines[0] += f", {span(sum(times))} of work; the slowest {100 * imbalance(times):.1f} % longer than the mean"
    if len(shares) <= LISTED:
        return lines + [
            f"process {rank}: {len(s.batches)} batches, {s.loads(plan)} models loaded, {span(s.seconds)}"
            for rank, s in enumerate(shares)
        ]
    batches, loads = [len(s.batches) for s in shares], [s.loads(plan) for s in shares]
    return [
        *lines,
        f"a process: {min(batches)} to {max(batches)} batches, {min(loads)} to {max(loads)} models loaded, "
        f"{span(min(times))} to {span(max(times))}",
    ]


def describe_needs(pixels: int, numbers: int, processes: int, kept: bool, peak: int) -> str:
    """Returns memory and disk in a line for the user.

    At the end the first process holds four sums. On disk each sum is there twice while it is replaced; at last there
    are the images and their perturbations, in float32, and the sums of groups.

    Args:
        pixels: of all images.
        numbers: int64 that a sum has for each pixel.
        processes: number of processes.
        kept: whether the sums are kept at last.
        peak: bytes that were used at most, without the sums.
    """
    sums, mebibyte = 8 * pixels * numbers, 2**20
    at_last = 8 * pixels + (sums if kept else 0)
    return (
        f"memory: about {(peak + 4 * sums) / mebibyte:.0f} MiB a process (measured here, and four sums of "
        f"{sums / mebibyte:.0f} MiB); "
        f"disk: up to {2 * (processes + 1) * sums / mebibyte:.0f} MiB while it runs, "
        f"{at_last / mebibyte:.0f} MiB at last"
    )


def peak_memory(device: torch.device) -> int:
    """Returns the peak memory of this process in bytes, that of its GPU where it uses one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
