"""Accuracy of models under APGD (Croce & Hein 2020), by torchattacks where it is installed: how robust they are."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from lit_adv.errors import InputError
from lit_adv.evaluation.export import answers
from lit_adv.evaluation.intervals import Share, two_way_interval
from lit_adv.evaluation.judge import check_epsilon
from lit_adv.evaluation.table import INTERVAL, Table
from lit_adv.models.fast import fast_form
from lit_adv.perturbations.replicas import check_whole

STEPS: Final = 100
"""Steps of AutoAttack's APGD."""
LEAST_CLASSES: Final = 4
"""Classes that the targeted DLR loss takes."""
TARGETS: Final = 9
"""Most target classes, the likeliest ones, as in AutoAttack."""
BATCH: Final = 100
KINDS: Final = ("cross entropy", "and targeted DLR")
"""Attacks: each takes images that are still right after the one before."""


def require_torchattacks() -> Any:
    """Imports torchattacks.

    Raises:
        InputError: it is not installed.
    """
    try:
        import torchattacks
    except ImportError as error:
        raise InputError(
            f"APGD needs torchattacks, which is not here ({error}): pip install 'lit-adv[apgd]'"
        ) from error
    return torchattacks


def right_under_apgd(
    model: nn.Module, images: Tensor, labels: Tensor, epsilons: Sequence[float], steps: int = STEPS, name: str = "model"
) -> Tensor:
    """Tells which images a model has right: clean, and whatever APGD found within ε of them and within [0, 1].

    First untargeted APGD of the cross entropy, then targeted APGD of the difference of logits ratio, one random start
    each. What is found within one ε lies within every larger one, so that an image that falls once stays fallen.

    Args:
        model: module from images to logits, in evaluation mode.
        images: `[N, C, H, W]` in [0, 1].
        labels: `[N]` int64.
        epsilons: bounds of the L∞ norm, growing.
        steps: of each attack.
        name: of the model, for messages.

    Returns:
        `[1 + 2·epsilons, N]` bool: clean; for each ε those that are right under the first attack, and under both.

    Raises:
        InputError: torchattacks is not installed, a number is out of range, or the logits are not finite.
    """
    library = require_torchattacks()
    check_whole("steps", steps, 1)
    for epsilon in epsilons:
        check_epsilon(epsilon)
    if list(epsilons) != sorted(set(epsilons)):
        raise InputError(f"epsilons are {', '.join(f'{one:g}' for one in epsilons)}; give them from small to large")
    with torch.no_grad():
        classes = model(images[:1]).shape[1]
    right = answers(model, images, name) == labels
    rows = [right]
    for epsilon in epsilons:
        attacks = [library.APGD(model, eps=epsilon, steps=steps, loss="ce")]
        if classes >= LEAST_CLASSES:
            attacks.append(library.APGDT(model, eps=epsilon, steps=steps, n_classes=min(classes, TARGETS + 1)))
        for attack in attacks:
            right = right.clone()
            for some in right.nonzero()[:, 0].split(BATCH):
                with torch.random.fork_rng(devices=[]):  # torchattacks seeds torch's own draws
                    found = attack(images[some], labels[some])
                right[some] = answers(model, found.detach(), name) == labels[some]
            rows.append(right)
        rows += [right] * (len(KINDS) - len(attacks))
    return torch.stack(rows)


def robustness_table(
    models: dict[str, nn.Module], images: Tensor, labels: Tensor, epsilons: Sequence[float], steps: int = STEPS
) -> Table:
    """Returns the accuracy of models under APGD, and their mean where there are several.

    Args:
        models: by name.
        images: see `right_under_apgd`, as are the others.
        labels: likewise.
        epsilons: likewise.
        steps: likewise.
    """
    right = {name: right_under_apgd(fast_form(model, images[:4]), images, labels, epsilons, steps, name)
             for name, model in models.items()}  # fmt: skip
    cells = [[name, *(str(Share.of(float(row.double().mean()), len(labels))) for row in rows)]
             for name, rows in right.items()]  # fmt: skip
    if len(right) > 1:
        whole = torch.stack([*right.values()], 1).double()  # [columns, models, N]
        means = [Share(float(column.mean()), *two_way_interval(column)) for column in whole]
        cells.append([f"mean of {len(right)}", *map(str, means)])
    headings = ["model", "clean", *(f"ε = {epsilon:g}: {kind}" for epsilon in epsilons for kind in KINDS)]
    note = (
        f"Right answers on {len(labels)} images, with the {INTERVAL}; of the mean where models and images are samples. "
        f"APGD of torchattacks, {steps} steps: an upper bound of what is left under any attack within ε."
    )
    return Table("accuracy under APGD", headings, cells, note)
