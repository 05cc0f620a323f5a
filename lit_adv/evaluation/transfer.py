"""Attack success of perturbation sets on models that had no part in them, as transfer attacks are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

import lit_adv.attacks
from lit_adv.attacks.attack import Attack, Model
from lit_adv.errors import InputError
from lit_adv.evaluation.export import answers
from lit_adv.evaluation.intervals import Share, two_way_change_interval, two_way_interval
from lit_adv.evaluation.judge import check_epsilon
from lit_adv.evaluation.pairs import NONE_SHOWN
from lit_adv.evaluation.strength import CHANGED, Scale
from lit_adv.evaluation.table import INTERVAL, Table
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import in_eight_bits

HEADINGS: Final = (
    "set", "models", "gradients", "L∞", "L2", "success of all, %", "of those right when clean, %", "8 bits, %",
    "more than the first, points",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Transfer:
    """What one set does to some judges.

    Attributes:
        name: of the set.
        targeted: whether its attack had targets.
        models: source models, those of ensembles each.
        gradients: that an image took, at most; None if unknown.
        linf: mean L∞ norm of x' − x.
        l2: mean L2 norm.
        clean: whether each judge is right about each image, `[judges, N]` bool.
        wrong: whether it is wrong about x', likewise.
        wrong_rounded: likewise, after x' was clipped to [0, 1] and rounded to eight bits.
    """

    name: str
    targeted: bool
    models: int
    gradients: int | None
    linf: float
    l2: float
    clean: Tensor
    wrong: Tensor
    wrong_rounded: Tensor

    @property
    def of_all(self) -> Share:
        """Share of wrong answers, of all images."""
        return _share(self.wrong.double())

    @property
    def rounded(self) -> Share:
        """Likewise, of pictures of eight bits."""
        return _share(self.wrong_rounded.double())

    @property
    def of_right(self) -> Share | None:
        """Share of wrong answers of those that were right, the mean over judges; None where no judge was ever right.

        Judges that were never right do not count, nor do images that nobody had right. The interval is that of the
        ratios' pseudo-values R + c·(w − R)/c̄, for clean answers c and wrong ones w (linearization; Cochran 1977, 6.3).
        """
        some = self.clean[self.clean.any(1)][:, self.clean.any(0)].double()
        if not len(some):
            return None
        wrong = self.wrong[self.clean.any(1)][:, self.clean.any(0)].double()
        ratio = (wrong * some).sum(1, keepdim=True) / some.sum(1, keepdim=True)
        pseudo = ratio + some * (wrong - ratio) / some.mean(1, keepdim=True)
        value = float(ratio.mean())
        return Share(value, *two_way_interval(pseudo, value))

    def more_than(self, other: "Transfer") -> Share:
        """The change of `of_all` from another set, on the same images and judges."""
        change = self.wrong.double() - other.wrong.double()
        return Share(float(change.mean()), *two_way_change_interval(change))


def transfer(
    found: PerturbationSet, judges: Mapping[str, Model], scale: Scale = "sign", epsilon: float | None = None
) -> Transfer:
    """Asks judges about the adversarial examples of a set.

    Args:
        found: the set.
        judges: by name, none of which the set attacked.
        scale: what becomes of δ, one of `CHANGED`.
        epsilon: ε, in pixel values of [0, 1]; by default the data set's.

    Raises:
        InputError: there is no judge, ε is out of range, or a judge's logits are not finite.
    """
    if not judges:
        raise InputError("there is no judge; give models that the sets did not attack")
    epsilon = found.data_set.epsilon if epsilon is None else epsilon
    check_epsilon(epsilon)
    examples = CHANGED[scale](found.image, found.perturbation, epsilon)
    pictures = {"clean": found.image, "wrong": examples, "rounded": in_eight_bits(examples)}
    seen = {
        what: torch.stack([answers(judge, images, name) != found.label for name, judge in judges.items()])
        for what, images in pictures.items()
    }
    step = (examples - found.image).flatten(1).double()
    return Transfer(
        name=found.name,
        targeted=found.target is not None,
        models=attacked_models(found),
        gradients=gradients(found),
        linf=float(step.abs().amax(1).mean()),
        l2=float(step.norm(dim=1).mean()),
        clean=~seen["clean"],
        wrong=seen["wrong"],
        wrong_rounded=seen["rounded"],
    )


def gradients(found: PerturbationSet) -> int | None:
    """Returns how many gradients an image of a set took at most: those of one perturbation times m·n.

    One gradient is a forward and a backward pass of one model; an ensemble's is one of each of its members. The
    calibration of a noisy copy takes two forward passes besides. None for attacks of which it is not known, and for
    those that cannot be made again here, for want of a file or of another version of the project.
    """
    record = found.manifest.attack
    kind = getattr(lit_adv.attacks, record.name, None)
    if kind is None:
        return None
    try:
        attack: Attack = kind(**record.parameters)
    except (InputError, TypeError):
        return None
    if attack.gradients is None:
        return None
    passes = 1.0 if attack.counts_members else attacked_models(found) / len(found.manifest.sources)
    return round(attack.gradients * passes * int(found.count.max()))


def attacked_models(found: PerturbationSet) -> int:
    """Number of models that were attacked for a set, by themselves or in ensembles."""
    return sum(max(1, len(source.members)) for source in found.manifest.sources)


def transfer_table(rows: Sequence[Transfer], names: Sequence[str]) -> Table:
    """Returns the table of several sets of the same images; each is compared with the first in pairs.

    Args:
        rows: of the sets.
        names: of the sets, as they are to be called.
    """
    cells = []
    for name, row in zip(names, rows, strict=True):
        more = "" if row is rows[0] else points(row.more_than(rows[0]))
        cells.append(
            [name, str(row.models), "" if row.gradients is None else f"{row.gradients:,}", f"{row.linf:.3f}",
             f"{row.l2:.2f}", *(_percent(share) for share in (row.of_all, row.of_right, row.rounded)), more]
        )  # fmt: skip
    judges, images = rows[0].wrong.shape
    clean = 100 * float(rows[0].clean.double().mean())
    note = (
        f"{judges} judges that no set attacked, {images} images, right about {clean:.1f} % of them when clean; means, "
        f"with the {INTERVAL} where judges and images are samples. Gradients: of an image, at most. 8 bits: x' clipped "
        "to [0, 1] and rounded. The last column is of the same images and judges, in pairs."
        + (" Of targeted sets, too, success is any wrong answer." if any(row.targeted for row in rows) else "")
    )
    return Table("transfer to other models", [*HEADINGS], cells, note)


def points(change: Share) -> str:
    """Returns a change in points with its interval, and says where that holds 0."""
    shown = change.low > 0 or change.high < 0
    words = f"{100 * change.value:+.1f} [{100 * change.low:+.1f}, {100 * change.high:+.1f}]".replace("-", "−")
    return words if shown else f"{words}, {NONE_SHOWN}"


def _share(values: Tensor) -> Share:
    return Share(float(values.mean()), *two_way_interval(values))


def _percent(share: Share | None) -> str:
    return "" if share is None else f"{100 * share.value:.1f} [{100 * share.low:.0f}, {100 * share.high:.0f}]"
