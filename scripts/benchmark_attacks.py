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

from importlib.metadata import version
from pathlib import Path

import torch
from benchmark.contestants import adv_lib
from benchmark.race import machine
from benchmark.tasks import DEPTHWISE, THOUSAND, depthwise, mnist_tasks, thousand_classes
from benchmark.whole_job import Job, whole_job
from rich.console import Console
from rich.table import Table

from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.files import expanded, write_json
from lit_adv.zoo.zoo import Zoo

WHOLE = "Eq. 4.1"


def benchmark_attacks(
    zoo: Path,
    json_file: Path | None = None,
    rounds: int = 5,
    threads: int = 2,
    cw_steps: int = 100,
    only: str = "",
    network: str = "squeezenet_v1_1",
    weights: Path | None = None,
    separable: str = "fdmobilenet_wd4",
    device: str = "cpu",
) -> None:
    """Times our attacks against other libraries' and prints the ratios.

    Args:
        zoo: zoo of ten trained MNIST models, made by scripts/train_mnist_zoo.py.
        json_file: file to which the figures are written, too.
        rounds: number of turns of each contestant.
        threads: number of torch's threads; the command of the whole job runs in one process and in as many.
        cw_steps: number of iterations of CW, to which its time is proportional.
        only: text in the names of the tasks to do; by default all are done.
        network: pytorchcv network of 1000 classes for 224×224 images.
        weights: weight file of the network; by default its weights are random.
        separable: pytorchcv network of depthwise convolutions for 224×224 images, with random weights.
        device: cpu or cuda.
    """
    torch.set_num_threads(threads)
    opened, where = Zoo.open(zoo), torch.device(device)
    console = Console()
    results = []
    tasks = mnist_tasks(opened, cw_steps, where)
    known = [*(task.name for task in tasks), THOUSAND, DEPTHWISE, WHOLE]
    if not any(only in name for name in known):
        raise InputError(f"--only {only}: no task has that in its name; there are {'; '.join(known)}")
    if only in THOUSAND:
        tasks.append(thousand_classes(network, weights and expanded(weights), where))
    if only in DEPTHWISE:
        tasks.append(depthwise(separable, where))
    for task in tasks:
        if only in task.name:
            console.print(f"{task.name}: {', '.join(task.contestants)} …", highlight=False)
            task.race(rounds)
            results.append(task.result())
            console.print(f"  {results[-1]['ratio_to_best_peer']:.2f} × {results[-1]['best_peer']}", highlight=False)
    if only in WHOLE:
        console.print("Eq. 4.1, the whole command …", highlight=False)
        results += whole_job(opened, threads, where, Job())
    table = Table(
        title=f"{machine(where)}, {threads} threads, torch {torch.__version__}; ms a perturbation", title_justify="left"
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
        content = {"machine": machine(where), "threads": threads, "versions": versions, "results": results}
        write_json(expanded(json_file), content)


if __name__ == "__main__":
    run_command(benchmark_attacks)
