"""Compares averages (Eq. 4.1) with transfer attacks at equal numbers of gradients, on the digits of the project:
python scripts/measure_transfer_attacks.py --zoo ZOO --out FOLDER

Each attack has the same number of gradients for a digit: averages over all source models, attacks on the ensemble of
all, and attacks on one of them. The zoo's test models judge, at one ε. Sets are kept in FOLDER, and a second call
continues; the table is written as Markdown, LaTeX and CSV, with a picture.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

import lit_adv
from lit_adv.attacks import Attack
from lit_adv.cli import run_command
from lit_adv.errors import InputError
from lit_adv.evaluation.transfer import transfer
from lit_adv.figures.transfer import write_transfer
from lit_adv.files import expanded
from lit_adv.models.ensemble import Ensemble
from lit_adv.terminal import say
from lit_adv.zoo.zoo import Zoo


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One way to spend the gradients.

    Attributes:
        attack: on each model, or on the ensemble of all.
        kind: `all`: the average over all models; `ensemble`; or `one`: a single model.
        copies: noisy copies of each digit for each model.
        sigma: standard deviation of the noise.
    """

    attack: Attack
    kind: str
    copies: int = 1
    sigma: float = 0.0


def contestants(models: int, each: int, epsilon: float, sigma: float) -> dict[str, Contestant]:
    """Returns ways to spend `models`·`each` gradients on a digit.

    Args:
        models: source models.
        each: gradients for each, a multiple of ten.
        epsilon: ε of attacks that have one.
        sigma: of noisy copies.
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
        "ENS MI": Contestant(attack=bim(each, **mi), kind="ensemble"),
        "ENS MI-DI": Contestant(attack=bim(each, diversity=0.5, **mi), kind="ensemble"),
        "ENS MI-TI": Contestant(attack=bim(each, smoothing=3, **mi), kind="ensemble"),
        "ENS VMI": Contestant(attack=bim(few, neighbours=4, **mi), kind="ensemble"),
        "SVRE": Contestant(
            attack=lit_adv.SVRE(epsilon=epsilon, steps=each // 2, inner=models // 2, members=models), kind="ensemble"
        ),
        "MI, one model": Contestant(attack=bim(whole, **mi), kind="one"),
        "MI-DI, one model": Contestant(attack=bim(whole, diversity=0.5, **mi), kind="one"),
        "VMI, one model": Contestant(attack=bim(whole // 5, neighbours=4, **mi), kind="one"),
        "gradient, one model": Contestant(attack=lit_adv.Gradient(), kind="one", copies=whole, sigma=sigma),
    }


def measure_transfer_attacks(
    zoo: Path,
    out: Path,
    models: int = 20,
    each: int = 10,
    per_class: int = 5,
    epsilon: float = 0.2,
    sigma: float = 0.2,
) -> None:
    """Compares ways to spend the same number of gradients on a digit.

    Args:
        zoo: zoo of source and test models for digits.
        out: folder for the sets and the table.
        models: source models that are used, an even number.
        each: gradients of a digit for each, a multiple of ten.
        per_class: digits of each class.
        epsilon: ε of attacks and of the judged step.
        sigma: standard deviation of noisy copies.
    """
    out, opened = expanded(out), Zoo.open(zoo)
    if not 2 <= models <= len(opened.sources) or models % 2 or not opened.judges:
        raise InputError(
            f"models is {models}; it must be an even number up to {len(opened.sources)}, the sources of {zoo}, which "
            f"has {len(opened.judges)} test models and needs one"
        )
    if each < 10 or each % 10:
        raise InputError(f"each is {each}; it must be a multiple of ten")
    sources = [spec.load() for spec in opened.sources[:models]]
    judges = {spec.name: spec.load() for spec in opened.judges}
    images, labels = lit_adv.digits(per_class=per_class)
    kinds: dict[str, list[nn.Module]] = {"all": sources, "ensemble": [Ensemble(sources)], "one": sources[:1]}
    rows = {}
    for name, one in contestants(models, each, epsilon, sigma).items():
        say(f"{name} …")
        found = lit_adv.average(
            kinds[one.kind], images, labels, one.attack, copies=one.copies, sigma=one.sigma, weight="none",
            fast=one.kind != "ensemble", out=out / "sets" / name.replace(" ", "-").replace(",", ""),
        )  # fmt: skip
        row = transfer(found, judges, epsilon=epsilon)
        if one.kind == "ensemble" and not isinstance(one.attack, lit_adv.SVRE):
            row = replace(row, gradients=(row.gradients or 0) * models)
        rows[name] = replace(row, models=1 if one.kind == "one" else models)
    write_transfer([*rows.values()], [*rows], out).print()


if __name__ == "__main__":
    run_command(measure_transfer_attacks)
