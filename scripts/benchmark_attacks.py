"""Times our attacks against other libraries' in one run:
python scripts/benchmark_attacks.py --zoo ZOO --json_file ratios.json

Each row is a task: the same images, networks and parameters for all. Peers attack the networks as they are, with
frozen parameters; "ours" attacks their fast forms, as AttackModule does, and "ours, exact" the networks as they are.
Every contestant runs with its best batch size of a few; contestants take turns, and the medians are compared. Ratios
above 1 mean that ours is faster. The floor is the bare forward and backward passes of the fast form, with no attack
around them. The JSON file also holds what each contestant achieved: calls of the model, share of images fooled, median
L2 norm.
One that stopped early, with fewer calls than nine tenths of the others, is shown but is not the best peer.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import foolbox
import torch
import torchattacks
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from datamodules.mnist import load_mnist
from lit_adv.attacks import BIM, CW, Attack, DeepFool, Square
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.models.fast import BFloat16Model, fast_form, has_bf16
from lit_adv.models.stack import Stack
from lit_adv.perturbations.noise import gaussian_noise
from lit_adv.zoo.zoo import Zoo

EPSILON = 0.2
THOUSAND = "DeepFool, 1000 classes, top 10"
Work = Callable[[int], dict[str, float] | None]
"""Does the whole task once with batches of the given size, and tells what was achieved."""


@dataclass
class Task:
    """One row of the table.

    Attributes:
        name: what is timed.
        perturbations: how many the task makes.
        contestants: by name; the first is ours, `floor` is no rival.
        batches: sizes to try.
        whole: each contestant decides itself when it is done, so calls of the model say nothing.
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
        """Milliseconds a perturbation, and ratios to ours."""
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
    """Seconds of one call."""
    started = time.perf_counter()
    work(size)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def adv_lib() -> ModuleType | None:
    """adv-lib's attacks, if it is installed.

    It imports visdom, for plots that are not used here, and visdom often does not build: an empty module stands in.
    """
    sys.modules.setdefault("visdom", ModuleType("visdom"))
    try:
        import adv_lib.attacks
    except ImportError:
        return None
    return adv_lib.attacks  # type: ignore[no-any-return]


def over(
    models: Sequence[nn.Module], images: Tensor, labels: Tensor, attack: Callable[[nn.Module], Callable[..., Any]]
) -> Work:
    """Attacks all images on each model, in batches."""
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


def ours(attack: Attack) -> Callable[[nn.Module], Callable[..., Any]]:
    """An attack of ours on a model, giving adversarial examples as the others do."""
    return lambda model: lambda x, y: x + attack(model, x, y)


def passes(count: int) -> Callable[[nn.Module], Callable[..., Any]]:
    """`count` bare passes forward and back."""

    def attack(model: nn.Module) -> Callable[..., Any]:
        def run(x: Tensor, y: Tensor) -> None:
            for _ in range(count):
                z = x.detach().requires_grad_()
                torch.autograd.grad(functional.cross_entropy(model(z), y), z)

        return run

    return attack


def peers(kind: str, steps: int) -> dict[str, Callable[[nn.Module], Callable[..., Any]]]:
    """The other libraries' attacks of one kind, each on a model."""

    def fool(attack: Any, **keywords: Any) -> Callable[[nn.Module], Callable[..., Any]]:
        def on(model: nn.Module) -> Callable[..., Any]:
            wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=next(model.parameters()).device)
            return lambda x, y: attack.run(wrapped, x, y, **keywords)

        return on

    extra = adv_lib()
    if kind == "BIM":
        size = 2 * EPSILON / steps
        return {
            "torchattacks": lambda m: torchattacks.BIM(m, eps=EPSILON, alpha=size, steps=steps),
            "foolbox": fool(foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=size, steps=steps), epsilon=EPSILON),
        }
    if kind == "CW":
        found = {
            "torchattacks": lambda m: torchattacks.CW(m, c=1, kappa=0, steps=steps, lr=0.01),
            "foolbox": fool(
                foolbox.attacks.L2CarliniWagnerAttack(
                    binary_search_steps=1, steps=steps, stepsize=0.01, initial_const=1.0, abort_early=False
                )
            ),
        }
        if extra:
            found["adv-lib"] = lambda m: (
                lambda x, y: extra.carlini_wagner_l2(
                    m, x, y, initial_const=1.0, binary_search_steps=1, max_iterations=steps, abort_early=False
                )
            )
        return found
    if kind == "DeepFool":
        found = {"foolbox": fool(foolbox.attacks.L2DeepFoolAttack(steps=steps, candidates=10, overshoot=0.02))}
        if extra:
            found["adv-lib"] = lambda m: lambda x, y: extra.df(m, x, y, steps=steps, overshoot=0.02)
        return found
    return {"torchattacks": lambda m: torchattacks.Square(m, eps=0.03, n_queries=steps, seed=0)}


def mnist_tasks(zoo: Zoo, cw_steps: int, device: torch.device) -> list[Task]:
    """BIM, CW, DeepFool and Square on one model of the zoo, BIM and CW on ten."""
    digits = load_mnist("digits")
    eager = [spec.load().to(device) for spec in zoo.models[:10]]
    if len(eager) < 10:
        raise InputError(f"zoo {zoo.path} has {len(eager)} models, the benchmark needs 10")
    fast = [fast_form(model) for model in eager]
    chosen = (eager[0](digits.test_images.to(device)).argmax(1).cpu() == digits.test_labels).nonzero()[:, 0]
    images, labels = digits.test_images[chosen].to(device), digits.test_labels[chosen].to(device)
    sizes = (100, 200) if device.type == "cpu" else (500, 1000, 2000)
    many, few = (images[:200], labels[:200]), (images[:100:10], labels[:100:10])
    if device.type != "cpu":
        many = (images[:900].repeat(3, 1, 1, 1)[:2000], labels[:900].repeat(3)[:2000])
    tasks = []
    for kind, steps, attack in (
        ("BIM", 50, BIM(epsilon=EPSILON, steps=50)),
        ("CW", cw_steps, CW(steps=cw_steps)),
        ("DeepFool", 50, DeepFool()),
        ("Square", 200, Square(epsilon=0.03, queries=200, stripes=True)),
    ):
        contestants = {"ours": over(fast[:1], *many, ours(attack))}
        if kind in ("BIM", "CW"):
            contestants["floor"] = over(fast[:1], *many, passes(steps))
        contestants |= {name: over(eager[:1], *many, peer) for name, peer in peers(kind, steps).items()}
        contestants["ours, exact"] = over(eager[:1], *many, ours(attack))
        if has_bf16(device) and kind in ("BIM", "CW"):
            reduced = [BFloat16Model(fast_form(eager[0]))]
            contestants["ours, bf16"] = over(reduced, *many, ours(attack))
        alone = kind in ("DeepFool", "Square")
        tasks.append(Task(f"{kind} {steps}, 1 model", len(many[0]), contestants, sizes, whole=alone))
    for kind, steps, attack in (
        ("BIM", 20, BIM(epsilon=EPSILON, steps=20)),
        ("CW", 20, CW(steps=20)),
    ):
        for name, (x, y) in (("100 images", (many[0][:100], many[1][:100])), ("10 images", few)):
            contestants = {"ours": over(fast, x, y, ours(attack))}
            if name == "10 images":
                contestants = {
                    "ours": over([Stack(eager)], x.repeat(10, 1, 1, 1), y.repeat(10), ours(attack)),
                    "ours, one by one": over(fast, x, y, ours(attack)),
                }
            contestants |= {peer: over(eager, x, y, make) for peer, make in peers(kind, steps).items()}
            contestants["ours, exact"] = over(eager, x, y, ours(attack))
            sizes = (50, 100) if name == "100 images" else (100,)
            tasks.append(Task(f"{kind} {steps}, 10 models × {name}", 10 * len(x), contestants, sizes))
    return tasks


def thousand_classes(name: str, weights: Path | None, device: torch.device) -> Task:
    """DeepFool with the ten highest of 1000 classes on a pytorchcv network at 224×224."""
    from pytorchcv.model_provider import get_model

    torch.manual_seed(0)
    eager = get_model(name).eval().requires_grad_(False)
    if weights is not None:
        eager.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    eager = eager.to(device)
    coarse = gaussian_noise(0, [(0, i, 0) for i in range(16)], (3, 14, 14))
    images = (0.5 + 0.15 * functional.interpolate(coarse, size=224, mode="bicubic")).clamp(0, 1).to(device)
    labels = eager(images).argmax(1)
    contestants = {"ours": over([fast_form(eager)], images, labels, ours(DeepFool(top_k=10)))}
    contestants |= {"foolbox": over([eager], images, labels, peers("DeepFool", 50)["foolbox"])}
    contestants["ours, exact"] = over([eager], images, labels, ours(DeepFool(top_k=10)))
    kind = "random weights" if weights is None else weights.name
    return Task(f"{THOUSAND}, {name}, {kind}", 16, contestants, (4, 16), whole=True)


def whole_job(zoo: Zoo, threads: int, device: torch.device) -> list[dict[str, Any]]:
    """Eq. 4.1 by `lightning predict` in one process and in several, against a loop around each peer in this process.

    The command is timed twice: as a whole, and from the start of its work on, as it says itself; the peers' loops have
    their imports, data and models behind them.
    """
    sources, per_class, copies, steps, sigma, rounds = 5, 10, 10, 50, 0.2, 2
    digits = load_mnist("digits")
    index = torch.cat([(digits.test_labels == c).nonzero()[:per_class, 0] for c in range(10)])
    images, labels = digits.test_images[index], digits.test_labels[index]
    count = sources * len(images) * copies
    models = [spec.load().to(device) for spec in zoo.sources[:sources]]

    def command(processes: int) -> tuple[float, float]:
        environment = {**os.environ, "OMP_NUM_THREADS": str(max(threads // processes, 1))}
        with TemporaryDirectory() as out:
            words = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", out]
            words += ["--model.sources", str(sources), "--data.copies", str(copies), "--data.sigma", str(sigma)]
            words += ["--data.per_class", str(per_class), "--model.attack.steps", str(steps)]
            words += ["--trainer.devices", str(processes), "--trainer.accelerator", device.type.replace("cuda", "gpu")]
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "lit_adv", *words],
                env=environment,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            whole = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(done.stderr)
        return whole, float(done.stderr.split("this process is done after ")[1].split(" s")[0])

    def loop(attack: Callable[..., Any], size: int = 250) -> float:
        started = time.perf_counter()
        total = torch.zeros_like(images)
        for _ in models:
            clean = images.repeat(copies, 1, 1, 1)
            noisy = (clean + sigma * torch.randn_like(clean)).clamp(0, 1).to(device)  # their inputs' range
            for part in torch.arange(len(noisy)).split(size):
                found = attack(noisy[part], labels[part % len(labels)].to(device))
                total.index_add_(0, part % len(labels), (found - noisy[part]).cpu())
        return time.perf_counter() - started

    many = threads if device.type == "cpu" else torch.cuda.device_count()
    counts = [1, many] if many > 1 else [1]
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for processes in counts:
            whole, work = command(processes)
            seconds.setdefault(f"ours, {processes} proc.", []).append(work)
            seconds.setdefault(f"ours, {processes} proc. with start-up", []).append(whole)
        for name, make in peers("BIM", steps).items():
            seconds.setdefault(name, []).append(loop(make(models[0])))
    work_only = {name: times for name, times in seconds.items() if "start-up" not in name}
    with_start = {name: times for name, times in seconds.items() if "proc." not in name or "start-up" in name}
    what = f"Eq. 4.1: BIM {steps}, {sources} models × {len(images)} images × {copies} copies"
    results = []
    for title, times in ((what, work_only), (f"{what}, ours with start-up", with_start)):
        first = min((name for name in times if name.startswith("ours")), key=lambda name: median(times[name]))
        ordered = {"ours": times[first], **{name: t for name, t in times.items() if name != first}}
        results.append(Task(title, count, {}, (), whole=True, seconds=ordered).result())
    return results


def benchmark_attacks(
    zoo: Path,
    json_file: Path | None = None,
    rounds: int = 5,
    threads: int = 2,
    cw_steps: int = 100,
    only: str = "",
    network: str = "squeezenet_v1_1",
    weights: Path | None = None,
    device: str = "cpu",
) -> None:
    """Times our attacks against other libraries' and prints the ratios.

    Args:
        zoo: ten trained MNIST models, as scripts/train_mnist_zoo.py makes them.
        json_file: where the figures are written, too.
        rounds: turns of each contestant.
        threads: of torch, for everyone; the command of the whole job runs in one process and in as many.
        cw_steps: iterations of CW; its time is proportional to them.
        only: do the tasks whose name contains this.
        network: a pytorchcv network of 1000 classes for 224×224 images.
        weights: its weights; left out, random.
        device: cpu or cuda.
    """
    torch.set_num_threads(threads)
    opened, where = Zoo.open(zoo), torch.device(device)
    console = Console()
    results = []
    tasks = mnist_tasks(opened, cw_steps, where)
    if only in THOUSAND:
        tasks.append(thousand_classes(network, weights, where))
    for task in tasks:
        if only in task.name:
            console.print(f"{task.name}: {', '.join(task.contestants)} …", highlight=False)
            task.race(rounds)
            results.append(task.result())
            console.print(f"  {results[-1]['ratio_to_best_peer']:.2f} × {results[-1]['best_peer']}", highlight=False)
    if only in "Eq. 4.1":
        console.print("Eq. 4.1, the whole command …", highlight=False)
        results += whole_job(opened, threads, where)
    machine = torch.cuda.get_device_name() if device == "cuda" else f"{platform.processor() or platform.machine()}"
    table = Table(
        title=f"{machine}, {threads} threads, torch {torch.__version__}; ms a perturbation", title_justify="left"
    )
    for heading in ("task", "ours", "others", "faster than the best peer"):
        table.add_column(heading)
    for result in results:
        each = result["ms_per_perturbation"]
        others = ", ".join(f"{name} {each[name]:.2f} ({ratio:.2f}×)" for name, ratio in result["ratio_to"].items())
        table.add_row(result["task"], f"{each['ours']:.2f}", others, f"{result['ratio_to_best_peer']:.2f} ×")
    Console(width=max(console.width, 150)).print(table)
    if json_file is not None:
        libraries = ("torch", "torchattacks", "foolbox", *(("adv-lib",) if adv_lib() else ()))
        versions = {name: version(name) for name in libraries}
        content = {"machine": machine, "threads": threads, "versions": versions, "results": results}
        json_file.write_text(json.dumps(content, indent=2))


if __name__ == "__main__":
    run_command(benchmark_attacks)
