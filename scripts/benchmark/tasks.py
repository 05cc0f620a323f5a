"""Tasks that are timed: attacks on one model and on ten, and on a network of 1000 classes."""

from pathlib import Path

import torch
from benchmark.contestants import EPSILON, NEIGHBOURS, ours, passes, peers
from benchmark.race import Task, over
from torch import Tensor, nn
from torch.nn import functional

from datamodules.mnist import load_mnist
from lit_adv.attacks import BIM, CW, DeepFool, Square, TransferBIM
from lit_adv.errors import InputError
from lit_adv.models.fast import BFloat16Model, fast_form, has_bf16
from lit_adv.models.stack import Stack
from lit_adv.perturbations.noise import gaussian_noise
from lit_adv.zoo.zoo import Zoo

THOUSAND = "DeepFool, 1000 classes, top 10"
DEPTHWISE = "BIM 10, depthwise"


def mnist_tasks(zoo: Zoo, cw_steps: int, device: torch.device) -> list[Task]:
    """BIM, CW, DeepFool, Square, MI and VMI on one model of the zoo, BIM and CW on ten."""
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
        ("MI", 50, TransferBIM(epsilon=EPSILON, steps=50, momentum=1.0)),
        ("VMI", 50, TransferBIM(epsilon=EPSILON, steps=10, momentum=1.0, neighbours=NEIGHBOURS)),
    ):
        contestants = {"ours": over(fast[:1], *many, ours(attack))}
        if kind in ("BIM", "CW", "MI", "VMI"):
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
            else:
                contestants["floor"] = over(fast, x, y, passes(steps))
            contestants |= {peer: over(eager, x, y, make) for peer, make in peers(kind, steps).items()}
            contestants["ours, exact"] = over(eager, x, y, ours(attack))
            sizes = (50, 100) if name == "100 images" else (100,)
            tasks.append(Task(f"{kind} {steps}, 10 models × {name}", 10 * len(x), contestants, sizes))
    return tasks


def thousand_classes(name: str, weights: Path | None, device: torch.device) -> Task:
    """DeepFool with the ten highest of 1000 classes on a pytorchcv network at 224×224."""
    eager = network(name, weights, device)
    images = like_photographs(device)
    labels = eager(images).argmax(1)
    contestants = {"ours": over([fast_form(eager)], images, labels, ours(DeepFool(top_k=10)))}
    contestants |= {"foolbox": over([eager], images, labels, peers("DeepFool", 50)["foolbox"])}
    contestants["ours, exact"] = over([eager], images, labels, ours(DeepFool(top_k=10)))
    kind = "random weights" if weights is None else weights.name
    return Task(f"{THOUSAND}, {name}, {kind}", 16, contestants, (4, 16), whole=True)


def depthwise(name: str, device: torch.device) -> Task:
    """BIM on a pytorchcv network of depthwise convolutions at 224×224, with random weights."""
    eager = network(name, None, device)
    images, fast = like_photographs(device), fast_form(eager)
    labels = eager(images).argmax(1)
    attack = BIM(epsilon=EPSILON, steps=10)
    contestants = {
        "ours": over([fast], images, labels, ours(attack)),
        "floor": over([fast], images, labels, passes(10)),
        **{peer: over([eager], images, labels, make) for peer, make in peers("BIM", 10).items()},
        "ours, exact": over([eager], images, labels, ours(attack)),
    }
    return Task(f"{DEPTHWISE}, {name}", 16, contestants, (4, 16))


def network(name: str, weights: Path | None, device: torch.device) -> nn.Module:
    """A pytorchcv network, frozen, with random weights where no file is given."""
    from pytorchcv.model_provider import get_model

    torch.manual_seed(0)
    made: nn.Module = get_model(name).eval().requires_grad_(False)
    if weights is not None:
        made.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))
    return made.to(device)


def like_photographs(device: torch.device) -> Tensor:
    """Sixteen smooth images `[16, 3, 224, 224]` in [0, 1]."""
    coarse = gaussian_noise(0, [(0, i, 0) for i in range(16)], (3, 14, 14))
    return (0.5 + 0.15 * functional.interpolate(coarse, size=224, mode="bicubic")).clamp(0, 1).to(device)
