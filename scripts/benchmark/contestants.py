"""Attacks as functions from images and labels to adversarial examples: ours, other libraries', and bare passes."""

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import foolbox
import torch
import torchattacks
from torch import Tensor, nn
from torch.nn import functional

from lit_adv.attacks import Attack

EPSILON = 0.2
NEIGHBOURS = 4
"""Of variance tuning, whose step takes one gradient more."""


def ours(attack: Attack) -> Callable[[nn.Module], Callable[..., Any]]:
    """Wraps an attack of ours, so that it returns adversarial examples as the others do."""
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


def peers(kind: str, steps: int) -> dict[str, Callable[[nn.Module], Callable[..., Any]]]:
    """Lists the other libraries' attacks of one kind and so many gradients, each as a function of a model."""

    def fool(attack: Any, **keywords: Any) -> Callable[[nn.Module], Callable[..., Any]]:
        def on(model: nn.Module) -> Callable[..., Any]:
            wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=next(model.parameters()).device)
            return lambda x, y: attack.run(wrapped, x, y, **keywords)

        return on

    extra = adv_lib()
    if kind in ("MI", "VMI"):
        each = steps // (1 + NEIGHBOURS) if kind == "VMI" else steps
        words = {"eps": EPSILON, "alpha": 2 * EPSILON / each, "steps": each, "decay": 1.0}
        attack = torchattacks.MIFGSM if kind == "MI" else partial(torchattacks.VMIFGSM, N=NEIGHBOURS)
        return {"torchattacks": lambda m: attack(m, **words)}
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
