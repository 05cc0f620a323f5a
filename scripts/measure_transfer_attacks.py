"""Compares averages (Eq. 4.1) with transfer attacks at equal numbers of gradients, on digits or on photographs:
python scripts/measure_transfer_attacks.py --zoo ZOO --out FOLDER

Each attack has the same number of gradients for an image: averages over all source models, attacks on the ensemble of
all, and attacks on one of them. The zoo's test models judge, at one ε. Sets are kept in FOLDER, and a second call
continues; the table is written as Markdown, LaTeX and CSV, with a picture, and some attacks in pairs as `pairs.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

import lit_adv
from datamodules.images import Images
from lit_adv.attacks import Attack
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.evaluation.table import INTERVAL, Table
from lit_adv.evaluation.transfer import Transfer, points, transfer
from lit_adv.figures.transfer import markdown, write_transfer
from lit_adv.files import atomic_path, expanded
from lit_adv.models.ensemble import Ensemble
from lit_adv.perturbations.replicas import check_whole
from lit_adv.terminal import say
from lit_adv.zoo.zoo import Zoo

PAIRS: Final = (
    ("ENS (logits)", "Eq. 4.1 BIM, no noise"),
    ("ENS MI", "Eq. 4.1 MI"),
    ("ENS MI-DI", "Eq. 4.1 MI-DI"),
    ("ENS (losses)", "ENS (logits)"),
    ("ENS MI", "ENS (logits)"),
    ("ENS MI-DI", "ENS MI"),
    ("ENS MI-TI", "ENS MI"),
    ("ENS VMI", "ENS MI"),
    ("SVRE", "ENS MI"),
    ("MI-DI, one model", "MI, one model"),
    ("MI-TI, one model", "MI, one model"),
    ("VMI, one model", "MI, one model"),
    ("Eq. 4.1 BIM, no noise", "MI-DI, one model"),
)
"""Attacks that are compared beside those with the first."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One way to spend the gradients.

    Attributes:
        attack: on each model, or on the ensemble of all.
        kind: `all`: the average over all models; `ensemble` or `losses`: the ensemble's mean logits or losses; or
            `one`: a single model.
        copies: noisy copies of each image for each model.
        sigma: standard deviation of the noise.
    """

    attack: Attack
    kind: str
    copies: int = 1
    sigma: float = 0.0


def contestants(models: int, each: int, epsilon: float, sigma: float, smoothing: int = 3) -> dict[str, Contestant]:
    """Returns ways to spend `models`·`each` gradients on an image.

    Args:
        models: source models.
        each: gradients for each, a multiple of ten.
        epsilon: ε of attacks that have one.
        sigma: of noisy copies.
        smoothing: side of TI's kernel in pixels.
    """

    def bim(steps: int, **parts: float) -> Attack:
        return lit_adv.TransferBIM(epsilon=epsilon, steps=steps, **parts)  # type: ignore[arg-type]

    whole, few, mi = models * each, each // 5, {"momentum": 1.0}
    return {
        "Eq. 4.1 gradient": Contestant(attack=lit_adv.Gradient(), kind="all", copies=each, sigma=sigma),
        "Eq. 4.1 BIM": Contestant(attack=bim(each // 2), kind="all", copies=2, sigma=sigma),
        "Eq. 4.1 BIM, no noise": Contestant(attack=lit_adv.BIM(epsilon=epsilon, steps=each), kind="all"),
        "Eq. 4.1 DeepFool": Contestant(attack=lit_adv.DeepFool(steps=each // 10, top_k=10), kind="all"),
        "Eq. 4.1 MI": Contestant(attack=bim(each, **mi), kind="all"),
        "Eq. 4.1 MI-DI": Contestant(attack=bim(each, diversity=0.5, **mi), kind="all"),
        "ENS (logits)": Contestant(attack=bim(each), kind="ensemble"),
        "ENS (losses)": Contestant(attack=bim(each), kind="losses"),
        "ENS MI": Contestant(attack=bim(each, **mi), kind="ensemble"),
        "ENS MI-DI": Contestant(attack=bim(each, diversity=0.5, **mi), kind="ensemble"),
        "ENS MI-TI": Contestant(attack=bim(each, smoothing=smoothing, **mi), kind="ensemble"),
        "ENS VMI": Contestant(attack=bim(few, neighbours=4, **mi), kind="ensemble"),
        "SVRE": Contestant(
            attack=lit_adv.SVRE(epsilon=epsilon, steps=each // 2, inner=models // 2, members=models), kind="ensemble"
        ),
        "MI, one model": Contestant(attack=bim(whole, **mi), kind="one"),
        "MI-DI, one model": Contestant(attack=bim(whole, diversity=0.5, **mi), kind="one"),
        "MI-TI, one model": Contestant(attack=bim(whole, smoothing=smoothing, **mi), kind="one"),
        "VMI, one model": Contestant(attack=bim(whole // 5, neighbours=4, **mi), kind="one"),
        "gradient, one model": Contestant(attack=lit_adv.Gradient(), kind="one", copies=whole, sigma=sigma),
    }


def measure_transfer_attacks(
    zoo: Path,
    out: Path,
    models: int = 20,
    every: int = 1,
    each: int = 10,
    per_class: int = 5,
    epsilon: float = 0.2,
    sigma: float = 0.2,
    root: Path | None = None,
    grey: bool = False,
    photographs: int = 20,
    trust: Sequence[str] = (),
    leave_out: Sequence[str] = (),
) -> None:
    """Compares ways to spend the same number of gradients on an image.

    Args:
        zoo: zoo of source and test models.
        out: folder for the sets and the tables.
        models: source models that are used, an even number.
        every: take every second, third … of the zoo's source models.
        each: gradients of an image for each, a multiple of ten.
        per_class: images of each class.
        epsilon: ε of attacks and of the judged step.
        sigma: standard deviation of noisy copies.
        root: folder of photographs in class folders; by default the digits that come with the project are attacked.
        grey: accept grey-scale photographs.
        photographs: most that are taken, spread over the classes.
        trust: packages whose code may run, where the zoo names some.
        leave_out: attacks that are not made.
    """
    out, opened = expanded(out), Zoo.open(zoo, list(trust))
    check_whole("every", every, 1)
    check_whole("photographs", photographs, 1)
    specs = opened.sources[::every]
    if not 2 <= models <= len(specs) or models % 2 or not opened.judges:
        raise InputError(
            f"models is {models}; it must be an even number up to {len(specs)}, as many sources {zoo} has here; it "
            f"has {len(opened.judges)} test models and needs one"
        )
    if each < 10 or each % 10:
        raise InputError(f"each is {each}; it must be a multiple of ten")
    sources = {spec.name: spec.load() for spec in specs[:models]}
    judges = {spec.name: spec.load() for spec in opened.judges}
    images, labels = lit_adv.digits(per_class) if root is None else spread(root, per_class, grey, photographs)
    loaded = [*sources.values()]
    kinds: dict[str, list[nn.Module]] = {
        "all": loaded,
        "ensemble": [Ensemble(loaded)],
        "losses": [Ensemble(loaded, "losses")],
        "one": [sources.get(opened.single or "", loaded[0])],
    }
    known = contestants(models, each, epsilon, sigma, smoothing=3 if root is None else 7)
    if unknown := set(leave_out) - set(known):
        raise InputError(f"there is no attack {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    rows = {}
    for name, one in known.items():
        if name in leave_out:
            continue
        say(f"{name} …")
        found = lit_adv.average(
            kinds[one.kind], images, labels, one.attack, copies=one.copies, sigma=one.sigma, weight="none",
            batch_size=128 if root is None else 16, fast=one.kind not in ("ensemble", "losses"),
            out=out / "sets" / name.replace(" ", "-").replace(",", ""),
        )  # fmt: skip
        rows[name] = transfer(found, judges, epsilon=epsilon)
    write_transfer([*rows.values()], [*rows], out).print()
    table = pairs(rows)
    with atomic_path(out / "pairs.md") as temporary:
        temporary.write_text(markdown(table), encoding="utf-8")
    table.print()


def spread(root: Path, per_class: int, grey: bool, most: int) -> tuple[Tensor, Tensor]:
    """Returns photographs `[N, 3, 224, 224]` in [0, 1] and their labels, `most` at most, spread over the classes."""
    chosen = Images(root=root, per_class=per_class, grey=grey).select()
    places = torch.linspace(0, len(chosen.labels), min(most, len(chosen.labels)) + 1).long()[:-1]
    return chosen.images[places], chosen.labels[places]


def pairs(rows: Mapping[str, Transfer]) -> Table:
    """Returns the table of those of `PAIRS` that are there."""
    cells = [
        [one, other, points(rows[one].more_than(rows[other]))] for one, other in PAIRS if {one, other} <= set(rows)
    ]
    return Table("in pairs", ["attack", "than", "more wrong answers, points"], cells, f"Means, with the {INTERVAL}.")


if __name__ == "__main__":
    run_command(measure_transfer_attacks)
