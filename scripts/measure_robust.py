"""Measures how many ordinary digit networks one robust network is worth:
python scripts/measure_robust.py --ordinary ZOO --out FOLDER

Loss gradients of one robust network, and averages over ordinary ones, are shown to the ordinary zoo's test models, and
compared with averages over ordinary networks that had no part in either. Zoos, sets and figures are kept in FOLDER, and
a second call continues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

import lit_adv
from lit_adv.cli import run_command
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import percent, points
from lit_adv.figures.gallery import gallery_row
from lit_adv.files import atomic_path, expanded, write_json
from lit_adv.perturbations.outlook import Outlook
from lit_adv.perturbations.reliability import interval
from lit_adv.perturbations.rendering import as_shown
from lit_adv.perturbations.variance_shares import Scalars
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from trainers.mnist_zoo import train_mnist_zoo

KINDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "PGD 0.1": {"adversarial": 0.1},
    "PGD 0.2": {"adversarial": 0.2},
    "PGD 0.05": {"adversarial": 0.05},
    "gradient penalty": {"gradient_penalty": 1.0},
    "gradient penalty 0.1": {"gradient_penalty": 0.1},
    "gradient penalty 0.03": {"gradient_penalty": 0.03},
    "gradient penalty 0.01": {"gradient_penalty": 0.01},
}
DRAWS: Final = 5
RESAMPLES: Final = 500
NOISE: Final = {"none": (1, 0.0), "0.2": (5, 0.2)}
"""Copies and σ."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What averages over ordinary networks give.

    Attributes:
        sizes: numbers of networks, growing.
        right: `[sizes, judges, images]`, mean over the draws.
        cosine: `[sizes, images]`, with the average over the other half of the networks.
    """

    sizes: tuple[int, ...]
    right: Tensor
    cosine: Tensor


def measure_robust(
    ordinary: Path,
    out: Path,
    kinds: str = ",".join(KINDS),
    models: int = 3,
    steps: int = 3,
    epochs: int | None = None,
    width: int | None = None,
    per_class: int = 10,
    seed: int = 1,
    processes: int | None = None,
) -> None:
    """Trains robust networks, and compares them with a zoo of ordinary ones.

    Args:
        ordinary: zoo of ordinary sources and test models, trained on the digits that come with the project.
        out: folder for the robust zoos, the sets, `robust.json` and `robust.png`.
        kinds: names of robust trainings, with commas between them.
        models: networks of each.
        steps: of the attack in adversarial training.
        epochs: of the robust networks' training; the ordinary ones' by default.
        width: likewise, channels of the first layer.
        per_class: digits of each class.
        seed: of the robust zoos; another one than the ordinary zoo's.
        processes: networks that train side by side.
    """
    out, names, zoo = expanded(out), kinds.split(","), Zoo.open(ordinary)
    if unknown := set(names) - set(KINDS):
        raise InputError(f"there is no kind {', '.join(sorted(unknown))}; choose from {', '.join(KINDS)}")
    if len(zoo.sources) < 4 or not zoo.judges:
        raise InputError(f"zoo {ordinary} has too few models; it takes 4 sources and a test model, or more of each")
    if models < 3:
        raise InputError(f"models is {models}; it must be at least 3, or the interval of reliability is unknown")
    specs: dict[str, tuple[ModelSpec, ...]] = {"ordinary": zoo.sources}
    for name in names:
        more: dict[str, Any] = {"adversarial_steps": steps, "epochs": epochs, "width": width, **KINDS[name]}
        folder = out / "zoos" / name.replace(" ", "-")
        train_mnist_zoo(folder, models, seed=seed, processes=processes, **more)
        specs[name] = Zoo.open(folder).models
    images, labels = lit_adv.digits(per_class=per_class)
    judges = [spec.load() for spec in zoo.judges]
    rows = []
    for noise, (copies, sigma) in NOISE.items():
        each, scalars = {}, {}
        for name, group in specs.items():
            found = lit_adv.average(
                group, images, labels, lit_adv.Gradient(), weight="norm", copies=copies, sigma=sigma,
                groups=len(group), out=out / "sets" / f"{name} {noise}".replace(" ", "-"),
            )  # fmt: skip
            sums = found.grouped()
            each[name], scalars[name] = sums.of_models, Scalars.of(sums)
        curve, references = ordinary_curve(each["ordinary"], judges, labels)
        for name, found_each in each.items():
            single = torch.stack([answers(judges, one, labels) for one in found_each]).mean(0)
            whole = answers(judges, found_each.sum(0), labels)
            cosine = torch.stack([cosines(found_each, other).mean(0) for other in references]).mean(0)
            own = (single, cosine) if name != "ordinary" else (curve.right[0], curve.cosine[0])
            rows.append(
                {
                    "kind": name, "noise": noise, "models": len(found_each),
                    "accuracy": float(np.mean([spec.training["accuracy"] for spec in specs[name]])),
                    "recognized": percent(single), "average recognized": percent(whole),
                    "more than one ordinary": points(single - curve.right[0]),
                    **seen_otherwise(judges, found_each, labels),
                    "cosine": float(own[1].mean()), "rho": rho(scalars[name], copies),
                    "k by recognition": worth(curve, own, "right"), "k by cosine": worth(curve, own, "cosine"),
                }
            )  # fmt: skip
        grown = {str(m): percent(right) for m, right in zip(curve.sizes, curve.right, strict=True)}
        rows[-len(each)] |= {"recognized by size": grown, "cosine by size": curve.cosine.mean(1).tolist()}
        half = crossing(0.5, curve.sizes, curve.right.mean((1, 2)).numpy())
        rows[-len(each)]["for half"] = said(half, curve.sizes[-1])
        write_json(out / "robust.json", {"rows": rows})
        if noise == "none":
            save_picture(out / "robust.png", images, labels, each)
    show(rows)


def save_picture(path: Path, images: Tensor, labels: Tensor, each: Mapping[str, Tensor]) -> None:
    """Draws the first digit of each class, −δ of one network of each kind, and that of all ordinary ones."""
    first = torch.cat([(labels == c).nonzero()[:1, 0] for c in labels.unique()])
    shown = {f"one {name}": found[0] for name, found in each.items()}
    shown[f"all {len(each['ordinary'])} ordinary"] = each["ordinary"].sum(0)
    rows = {name: grey(delta[first]) for name, delta in shown.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(gallery_row([("image", images[first]), *rows.items()]))


def answers(judges: Sequence[nn.Module], delta: Tensor, labels: Tensor) -> Tensor:
    """Whether each judge recognizes −δ, black and white `[judges, images]`."""
    return asked(judges, (delta < 0).float(), labels)


def asked(judges: Sequence[nn.Module], pictures: Tensor, labels: Tensor) -> Tensor:
    """Whether each judge gives pictures their label `[judges, images]`."""
    with torch.no_grad():
        return torch.stack([judge(pictures).argmax(1) == labels for judge in judges]).double()


def grey(delta: Tensor) -> Tensor:
    """−δ with the digits' mean and standard deviation, as people see it, within [0, 1]."""
    digits = DATA_SETS["mnist"]
    return as_shown(delta, digits.mean, digits.std, targeted=False).clamp(0, 1).float()


def seen_otherwise(judges: Sequence[nn.Module], each: Tensor, labels: Tensor) -> dict[str, tuple[float, float, float]]:
    """Recognized in grey of three networks, one at a time: −δ, and two controls, |δ| and +δ; and −δ of their average.

    Where |δ| is read as well as −δ, it says where the digit is, and not what the network takes it for.
    """
    some = each[:3]
    ways = {"grey": some, "grey size": -some.abs(), "grey opposite": -some, "average grey": some.sum(0)[None]}
    seen = {
        name: torch.stack([asked(judges, grey(one), labels) for one in shown]).mean(0) for name, shown in ways.items()
    }
    found = {name: percent(right) for name, right in seen.items()}
    return {**found, "grey size, less grey": points(seen["grey size"] - seen["grey"])}


def cosines(each: Tensor, other: Tensor) -> Tensor:
    """Cosine of each image's perturbation with the other's: `[..., N, C, H, W]` to `[..., N]`."""
    return functional.cosine_similarity(each.flatten(-3), other.flatten(-3), dim=-1)


def ordinary_curve(each: Tensor, judges: Sequence[nn.Module], labels: Tensor) -> tuple[Curve, list[Tensor]]:
    """Measures averages over 1 to half of the networks, and returns the averages over each draw's other half."""
    half = len(each) // 2
    sizes = tuple(m for m in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 50) if m <= half)
    generator = np.random.default_rng(0)
    right, cosine, references = [], [], []
    for _ in range(DRAWS):
        order = generator.permutation(len(each))
        references.append(each[order[half:]].sum(0))
        sums = [each[order[:m]].sum(0) for m in sizes]
        right.append(torch.stack([answers(judges, one, labels) for one in sums]))
        cosine.append(torch.stack([cosines(one, references[-1]) for one in sums]))
    return Curve(sizes=sizes, right=torch.stack(right).mean(0), cosine=torch.stack(cosine).mean(0)), references


def crossing(value: float, sizes: tuple[int, ...], values: NDArray[np.float64]) -> float:
    """Number of networks at which a curve reaches a value, read off on a logarithmic axis; infinite above its end."""
    values = np.maximum.accumulate(values)
    if value > values[-1]:
        return float("inf")
    place = int(np.searchsorted(values, value))
    if place == 0:
        return float(sizes[0]) if value == values[0] else 0.0
    low, high = values[place - 1], values[place]
    part = (value - low) / (high - low)
    return float(np.exp((1 - part) * np.log(sizes[place - 1]) + part * np.log(sizes[place])))


def worth(curve: Curve, own: tuple[Tensor, Tensor], by: str) -> list[str]:
    """How many ordinary networks one of a kind is worth, with the ends of a 95 % interval by a bootstrap.

    Images are drawn anew, and judges where they count; the same for the curve and for the kind.
    """
    generator, found = np.random.default_rng(0), []
    right, cosine = (one.numpy() for one in own)
    curve_right, curve_cosine = curve.right.numpy(), curve.cosine.numpy()
    for resample in range(RESAMPLES + 1):
        images = generator.integers(len(cosine), size=len(cosine)) if resample else np.arange(len(cosine))
        if by == "cosine":
            found.append(crossing(cosine[images].mean(), curve.sizes, curve_cosine[:, images].mean(1)))
            continue
        judges = generator.integers(len(right), size=len(right)) if resample else np.arange(len(right))
        value = right[judges][:, images].mean()
        found.append(crossing(value, curve.sizes, curve_right[:, judges][:, :, images].mean((1, 2))))
    ends = np.quantile(found[1:], (0.025, 0.975), method="nearest")
    return [said(value, curve.sizes[-1]) for value in (found[0], *ends)]


def said(value: float, most: int) -> str:
    """A number of networks in words."""
    return f"above {most}" if value == float("inf") else "below 1" if value < 1 else f"{value:.1f}"


def rho(scalars: Scalars, copies: int) -> tuple[float, float, float]:
    """Reliability of one network, with the ends of its 95 % interval."""
    value, low, high = (round(one, 3) for one in (Outlook.of(scalars).rho(1, copies), *interval(scalars, 1)))
    return value, low, high


def show(rows: list[dict[str, Any]]) -> None:
    """Prints what one network of each kind gives."""
    table = Table("kind", "noise", "recognized", "more than one ordinary", "ρ", "cosine", "k, recognition", "k, cosine")
    for row in rows:
        three = ("{:.0f} [{:.0f}, {:.0f}]".format(*row[name]) for name in ("recognized", "more than one ordinary"))
        worths = ("{} [{}, {}]".format(*row[name]) for name in ("k by recognition", "k by cosine"))
        cells = (*three, "{:.2f} [{:.2f}, {:.2f}]".format(*row["rho"]), f"{row['cosine']:.2f}", *worths)
        table.add_row(row["kind"], row["noise"], *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    run_command(measure_robust)
