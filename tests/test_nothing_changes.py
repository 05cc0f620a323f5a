"""No call changes what it was given, nor the generators and settings of the process around it."""

import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lit_adv.attacks import BIM, CW, DeepFool, Gradient, Square
from lit_adv.attacks.calibration import calibration
from lit_adv.cli import main
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.models.fast import fast_form
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.noise import gaussian_noise
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM as BIM_WORDS
from tests.helpers import TINY, TINY_ZOO, predict

LABELS = torch.tensor([0, 1, 2, 3])
Given = dict[str, Any]


def surroundings() -> dict[str, Any]:
    """Generators and settings of the whole process, in values that can be compared."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": repr(np.random.get_state(legacy=False)),  # noqa: NPY002  # read, not drawn from
        "python": random.getstate(),
        "threads": torch.get_num_threads(),
        "type": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "tf32": (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32),
        "anomalies": torch.is_anomaly_enabled(),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


def held(value: object) -> object:
    """Copies what a caller hands in: tensors with gradient and flag, models with all they hold."""
    if isinstance(value, nn.Module):
        tensors = {**dict(value.named_parameters()), **dict(value.named_buffers())}
        kinds = [(name, type(module), module.training) for name, module in value.named_modules()]
        return kinds, {name: held(tensor) for name, tensor in tensors.items()}
    if isinstance(value, Tensor):
        gradient = None if value.grad is None else value.grad.tolist()
        return value.tolist(), value.requires_grad, gradient, value.is_leaf, value.stride(), value._version
    if isinstance(value, PerturbationSet):
        return {
            name: held(part) for name, part in vars(value).items() if name != "kept"
        }  # found when it is first asked for
    return repr(value)


def network() -> nn.Sequential:
    generator = torch.Generator().manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(4 * 26**2, 10)]
    model = nn.Sequential(*layers).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1, generator=generator)
        parameter.grad = torch.ones_like(parameter)
    return model


def given() -> Given:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(4, 1, 28, 28, generator=generator)
    perturbations = PerturbationSet(
        perturbation=torch.rand(4, 1, 28, 28, generator=generator) - 0.5,
        image=images.clone(),
        label=LABELS.clone(),
        count=torch.full((4,), 6),
        manifest=Manifest(setting="NMM", attack=AttackRecord("BIM"), data=DataRecord("mnist"), copies=2, sigma=0.1),
    )
    return {
        "model": network(),
        "images": images.requires_grad_(),
        "labels": LABELS.clone(),
        "targets": LABELS + 1,
        "calibration": torch.rand(4, 10, generator=generator, dtype=torch.float64),
        "noisy": images.detach() + 0.1 * torch.rand(images.shape, generator=generator),
        "set": perturbations,
    }


def attacked(attack: Any, targeted: bool) -> Callable[[Given], object]:
    def call(g: Given) -> object:
        targets = g["targets"] if targeted else None
        return attack(g["model"], g["images"], g["labels"], targets=targets, calibration=g["calibration"])

    return call


ATTACKS = [BIM(epsilon=0.1, steps=2), CW(steps=2), DeepFool(steps=2), Square(epsilon=0.1, queries=3), Gradient()]
CALLS: dict[str, Callable[[Given], object]] = {
    **{type(attack).__name__: attacked(attack, False) for attack in ATTACKS},
    **{f"{type(a).__name__} targeted": attacked(a, True) for a in ATTACKS if not isinstance(a, DeepFool)},
    "calibration": lambda g: calibration(g["model"], g["images"], g["noisy"]),
    "calibration in place": lambda g: calibration(lambda x: g["model"](x.sub_(0.5)), g["images"].detach(), g["noisy"]),
    "fast form": lambda g: fast_form(g["model"])(g["images"]),
    "evaluate": lambda g: evaluate(g["set"], {"judge": g["model"]}, epsilon=0.2),
    "evaluate in place": lambda g: evaluate(g["set"], {"judge": lambda x: g["model"](x.sub_(0.5))}, epsilon=0.2),
    "subset": lambda g: g["set"].subset(torch.tensor([2, 0])),
    "noise": lambda g: gaussian_noise(7, [(0, 1, 2)], (1, 4, 4)),
    "sums": lambda g: ExactMean((10, 1, 28, 28), 4).add(g["labels"], g["noisy"]),
    "zoo": lambda g: [spec.load() for spec in Zoo.open(TINY_ZOO).models],
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_changes(name: str) -> None:
    call, arguments = CALLS[name], given()
    before, around = {key: held(value) for key, value in arguments.items()}, surroundings()
    call(arguments)
    assert surroundings() == around
    for key, value in arguments.items():
        assert held(value) == before[key], key


def test_a_whole_run_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    around = surroundings()
    predict("mnist-nmm-bim", Zoo.open(TINY_ZOO), tmp_path, *BIM_WORDS)
    assert surroundings() == around
    main(["test", "--config", "mnist-test", "--zoo", str(TINY_ZOO), "--out", str(tmp_path), *TINY[:2]])
    assert surroundings() == around
