"""One task of a benchmark: contestants, their best batch sizes, and turns."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

Work = Callable[[int], dict[str, float] | None]
"""Does the whole task once with batches of the given size, and returns what was achieved."""


@dataclass
class Task:
    """Task of the benchmark, one row of its table.

    Attributes:
        name: name of the task.
        perturbations: number of perturbations that it makes.
        contestants: work by name; the first is ours, `floor` is no rival.
        batches: batch sizes to try.
        whole: whether contestants decide themselves when they are done, so that numbers of calls cannot be compared.
        best: best batch size of each contestant.
        achieved: calls of the model, share of images fooled and median L2 norm, of each contestant.
        seconds: times of each contestant's turns.
    """

    name: str
    perturbations: int
    contestants: dict[str, Work]
    batches: Sequence[int]
    whole: bool = False
    best: dict[str, int] = field(default_factory=dict)
    achieved: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def race(self, rounds: int) -> None:
        """Finds each contestant's best batch size, then lets them take turns."""
        for name, work in self.contestants.items():
            found = work(self.batches[0])  # warms up as well
            if found is not None:
                self.achieved[name] = found
            times = {size: timed(work, size) for size in self.batches} if len(self.batches) > 1 else {}
            self.best[name] = min(times, key=times.__getitem__) if times else self.batches[0]
        for turn in range(rounds):
            order = list(self.contestants.items())
            for name, work in order[turn % len(order) :] + order[: turn % len(order)]:
                self.seconds.setdefault(name, []).append(timed(work, self.best[name]))

    def result(self) -> dict[str, Any]:
        """Computes milliseconds a perturbation, and ratios to ours."""
        each = {name: 1000 * median(times) / self.perturbations for name, times in self.seconds.items()}
        ours, *others = each
        calls = {name: figures["calls"] for name, figures in self.achieved.items()}
        peers_only = [name for name in others if name != "floor" and not name.startswith("ours")]
        most = max((calls[name] for name in peers_only if name in calls), default=0)
        rivals = [name for name in peers_only if self.whole or calls.get(name, most) >= 0.9 * most]
        best = min(rivals, key=lambda name: each[name])
        return {
            "task": self.name,
            "perturbations": self.perturbations,
            "ms_per_perturbation": each,
            "best_batch": self.best,
            "achieved": self.achieved,
            "ratio_to": {name: each[name] / each[ours] for name in others},
            "best_peer": best,
            "ratio_to_best_peer": each[best] / each[ours],
        }


def timed(work: Work, size: int) -> float:
    """Measures the seconds of one call."""
    started = time.perf_counter()
    work(size)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def over(
    models: Sequence[nn.Module], images: Tensor, labels: Tensor, attack: Callable[[nn.Module], Callable[..., Any]]
) -> Work:
    """Returns the work of attacking all images on each model, in batches."""
    prepared = [(model, attack(model)) for model in models]

    def work(size: int) -> dict[str, float] | None:
        calls = 0

        def count(*_: object) -> None:
            nonlocal calls
            calls += 1

        hooks = [model.register_forward_hook(count) for model, _ in prepared]
        found = [run(x, y) for _, run in prepared for x, y in zip(images.split(size), labels.split(size), strict=True)]
        for hook in hooks:
            hook.remove()
        if found[0] is None:
            return None
        first = torch.cat(found[: len(found) // len(prepared)])
        with torch.no_grad():
            fooled = (prepared[0][0](first).argmax(1) != labels).float().mean().item()
        norm = (first - images).flatten(1).norm(dim=1).median().item()
        return {"calls": calls / len(found), "fooled": fooled, "median_l2": norm}

    return work


def machine(device: torch.device) -> str:
    """Names the device that a race ran on."""
    return torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
