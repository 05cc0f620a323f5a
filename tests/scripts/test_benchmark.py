"""The benchmark's parts on tiny sizes: who stands for us, who is the best peer, and what is counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lit_adv.attacks import BIM
from lit_adv.zoo.zoo import Zoo
from tests.helpers import REPOSITORY


@pytest.fixture(scope="module", autouse=True)
def scripts() -> Iterator[None]:
    """Modules beside the scripts are found, as when a script runs.

    They stay imported: classes of theirs are found by their bases, and then by their modules.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "scripts"))
        yield


def linear() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).eval().requires_grad_(False)


def test_a_race_counts_calls_and_fooled_images() -> None:
    from benchmark.contestants import ours, passes
    from benchmark.race import Task, over

    model, images, labels = linear(), torch.rand(8, 1, 4, 4), torch.arange(8) % 3
    contestants = {
        "ours": over([model], images, labels, ours(BIM(epsilon=5.0, steps=3))),
        "floor": over([model], images, labels, passes(3)),
        "peer": over([model], images, labels, ours(BIM(epsilon=5.0, steps=3, step_size=1.0))),
        "lazy": over([model], images, labels, ours(BIM(epsilon=5.0, steps=1))),
    }
    task = Task("BIM", 8, contestants, (4, 8))
    task.race(rounds=2)
    found = task.result()
    assert {name: figures["calls"] for name, figures in found["achieved"].items()} == {"ours": 3, "peer": 3, "lazy": 1}
    assert found["achieved"]["ours"]["fooled"] == 1
    assert found["best_peer"] == "peer"  # the lazy one stopped early, and the floor is no rival
    assert set(found["best_batch"].values()) <= {4, 8}
    assert all(len(times) == 2 for times in task.seconds.values())


def test_ratios_are_of_medians() -> None:
    from benchmark.whole_job import against_ours

    seconds = {"ours, 1 proc.": [2.0, 4.0, 3.0], "ours, 2 proc.": [2.0, 2.0, 9.0], "a": [8.0], "b": [6.0]}
    found = against_ours("job", 1000, seconds)
    assert found["ms_per_perturbation"] == {"ours": 2.0, "ours, 1 proc.": 3.0, "a": 8.0, "b": 6.0}
    assert (found["best_peer"], found["ratio_to_best_peer"]) == ("b", 3.0)


@pytest.mark.soak
def test_the_whole_command_is_timed_by_a_callback(zoo: Zoo, tmp_path: Path) -> None:
    from benchmark.whole_job import Job, whole_job

    job = Job(sources=2, per_class=1, copies=2, steps=2)
    results: list[dict[str, Any]] = whole_job(zoo, 1, torch.device("cpu"), job, rounds=1)
    work, whole = (result["ms_per_perturbation"] for result in results)
    assert 0 < work["ours"] < whole["ours"]
    assert results[0]["perturbations"] == 40
    assert {"torchattacks", "foolbox"} <= set(results[0]["ratio_to"])
