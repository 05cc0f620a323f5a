"""Trains digit networks by different recipes, and compares what attacks on them give with the thesis's Table 4.3:
python scripts/measure_recipe.py --root IDX_FILES --out FOLDER

Each network judges what it had no part in: single perturbations of the others, and the average over all others. Zoos,
sets and figures are kept in FOLDER, and a second call continues.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any, Final

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import lit_adv
from datamodules.mnist import Source, load_mnist
from datamodules.selection import first_per_class
from lit_adv.attacks import Attack
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import percent, points
from lit_adv.files import expanded, read_json, write_json
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from trainers.mnist_zoo import train_mnist_zoo

SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "base": {},
    "no batch normalisation": {"batch_norm": False, "learning_rate": 0.02},
    "no weight decay": {"weight_decay": 0.0},
    "Adam": {"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0},
    "normalised pixels": {"normalise": True},
    "padded to 32": {"pad": 2},
    "dropout": {"dropout": 0.5},
    "width 16": {"width": 16},
    "width 32": {"width": 32},
    "three epochs": {"epochs": 3},
    "ten epochs": {"epochs": 10},
    "Adam without batch normalisation": {
        "optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "batch_norm": False,
    },
    "Adam for three epochs": {"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0, "epochs": 3},
    "width 16 for three epochs": {"width": 16, "epochs": 3},
    "normalised pixels for three epochs": {"normalise": True, "epochs": 3},
}  # fmt: skip
"""What each differs in from the base."""
RATES: Final = (0.001, 0.1)
"""Step sizes of CW on the base, beside the usual one."""
DESCENTS: Final = (0.001, 0.01, 0.1)
"""Step sizes of CW by plain gradient descent, on the base."""
THESIS: Final = {"random signs": 88, "SM BIM": 3, "SM CW": 46, "NMM BIM": 57}
"""Table 4.3: percent left, left, recognized and recognized."""
EPSILON: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class DescentCW(lit_adv.CW):
    """CW by plain gradient descent: each step is `lr` times the gradient, where Adam's is about `lr` in each pixel."""

    def _optimizer(self, delta: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda delta, gradient: delta - self.lr * gradient


def measure_recipe(
    out: Path,
    source: Source = "folder",
    root: Path | None = None,
    settings: str = ",".join(SETTINGS),
    models: int = 4,
    epochs: int = 1,
    width: int = 8,
    cw_steps: int = 1000,
    bim_steps: int = 50,
    copies: int = 5,
    per_class: int = 10,
    seed: int = 0,
    processes: int | None = None,
) -> None:
    """Trains, attacks and judges the networks of each setting.

    Args:
        out: folder for the zoos, the sets and `recipe.json`; a setting that is measured after the base is compared with
            it there, network by network and image by image.
        source: of the digits, see train_mnist_zoo.py.
        root: folder of the data.
        settings: names of settings, with commas between them.
        models: networks of each.
        epochs: of the base.
        width: of the base.
        cw_steps: iterations of CW.
        bim_steps: iterations of BIM.
        copies: noisy copies of each digit for each network, of NMM.
        per_class: digits of each class under random signs and SM BIM; half of them under MM and NMM, a fifth under CW.
        seed: of the zoos.
        processes: networks that train side by side.
    """
    out, names = expanded(out), settings.split(",")
    if unknown := set(names) - set(SETTINGS):
        raise InputError(f"there is no setting {', '.join(sorted(unknown))}; choose from {', '.join(SETTINGS)}")
    if models < 3:
        raise InputError(f"models is {models}; it must be at least 3: one judges the average over two")
    rows: dict[str, Any] = read_json(out / "recipe.json") if (out / "recipe.json").is_file() else {}
    test = load_mnist(source, root)
    bim, cw = lit_adv.BIM(epsilon=EPSILON, steps=bim_steps), lit_adv.CW(steps=cw_steps)

    @cache
    def measured(name: str) -> tuple[float, dict[str, Tensor]]:
        zoo = out / "zoos" / name.replace(" ", "-")
        train_mnist_zoo(
            zoo, models, source, root, seed, processes=processes, **{"epochs": epochs, "width": width, **SETTINGS[name]}
        )
        specs = Zoo.open(zoo).models

        def rights(what: str, attack: Attack, share: int, noisy: int) -> dict[str, Tensor]:
            chosen = first_per_class(test.test_images, test.test_labels, max(1, per_class // share), 10)
            found = lit_adv.average(
                specs, chosen.images, chosen.labels, attack, index=chosen.index, data="mnist", groups=len(specs),
                copies=noisy, sigma=0.2 if noisy > 1 else 0.0, out=out / "sets" / f"{name} {what}".replace(" ", "-"),
            )  # fmt: skip
            return judged(specs, found)

        single, noisy = rights("BIM", bim, 1, 1), rights("NMM BIM", bim, 2, copies)
        carlini = {"SM CW": rights("CW", cw, 5, 1)}
        if name == "base":
            for rate in RATES:
                carlini[f"SM CW {rate}"] = rights(f"CW {rate}", lit_adv.CW(steps=cw_steps, lr=rate), 5, 1)
            for rate in DESCENTS:
                plain = DescentCW(steps=cw_steps, lr=rate)
                carlini[f"SM CW descent {rate}"] = rights(f"CW descent {rate}", plain, 5, 1)
        return sum(spec.training["accuracy"] for spec in specs) / len(specs), {
            "clean": single["clean"], "random signs": single["random signs"], "SM BIM": single["single attack"],
            **{which: one["single recognized"] for which, one in carlini.items()},
            "MM BIM": single["mean recognized"], "NMM BIM": noisy["mean recognized"],
            "SM BIM recognized": single["single recognized"], "MM BIM attack": single["mean attack"],
            "NMM BIM attack": noisy["mean attack"],
        }  # fmt: skip

    for name in names:
        accuracy, rights = measured(name)
        row = {"accuracy": accuracy, **{which: percent(right) for which, right in rights.items()}}
        row["distance"] = distance(row)
        if name != "base" and "base" in rows:
            base = measured("base")[1]
            # network i has the same first weights in both, where they fit
            row["less the base"] = {which: points(right - base[which]) for which, right in rights.items()}
        rows[name] = row
        write_json(out / "recipe.json", rows)
        show({key: rows[key] for key in SETTINGS if key in rows})


def judged(specs: tuple[ModelSpec, ...], found: PerturbationSet) -> dict[str, Tensor]:
    """What each network answers rightly `[networks, images]`, the mean over the others' single perturbations."""
    each = found.grouped().of_models
    x, label = found.image, found.label
    signs = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).sign()
    rows: dict[str, list[Tensor]] = {}
    for number, spec in enumerate(specs):
        model = spec.load()
        others = torch.cat([each[:number], each[number + 1 :]])
        shown = {
            "clean": x[None],
            "random signs": (x + EPSILON * signs)[None],
            "single recognized": (others < 0).float(),
            "single attack": x + EPSILON * others.sign().float(),
            "mean recognized": (others.sum(0) < 0).float()[None],
            "mean attack": (x + EPSILON * others.sum(0).sign().float())[None],
        }
        with torch.no_grad():
            for what, pictures in shown.items():
                right = torch.stack([model(one).argmax(1) == label for one in pictures])
                rows.setdefault(what, []).append(right.double().mean(0))
    return {what: torch.stack(right) for what, right in rows.items()}


def distance(row: Mapping[str, Any]) -> float:
    """Root mean square of the differences from the thesis, in points."""
    squares = [(row[which][0] - there) ** 2 for which, there in THESIS.items()]
    return round(sqrt(sum(squares) / len(squares)), 1)


def show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints the settings with their four figures."""
    table = Table("setting", "accuracy", *(f"{which} ({there})" for which, there in THESIS.items()), "distance")
    for name, row in rows.items():
        cells = (f"{row[which][0]:.0f} [{row[which][1]:.0f}, {row[which][2]:.0f}]" for which in THESIS)
        table.add_row(name, f"{100 * row['accuracy']:.2f}", *cells, f"{row['distance']:.0f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    run_command(measure_recipe)
