"""Settings compared in pairs, on the same images and by the same judges.

Two shares side by side differ by chance as much as their intervals are wide. Most of that is which images were drawn,
and that is the same for both settings: what counts is the images that a judge answers rightly in one setting only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import torch
from scipy.stats import binomtest
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import Share, two_way_change_interval, two_way_interval
from lit_adv.evaluation.judge_figures import SHARES, JudgeFigures, ShareName, unpacked
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.set_tables import CROSS
from lit_adv.evaluation.table import INTERVAL, Table, own_rows

COMPARED: Final[tuple[ShareName, ...]] = ("recognized", "attack", "attack_l2")
"""Shares that are compared."""
MOST_SETS: Final = 4
"""Largest number of sets of which every two are compared; of more, each is compared with the first."""
NONE_SHOWN: Final = "no difference shown"


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of one share from a setting to another, on the same images.

    Attributes:
        name: of the share.
        judge: of one judge; `CROSS` for the models that judge each other in both settings.
        judges: their number.
        first: the share in the first setting, with its 95 % interval.
        second: in the second.
        change: the second less the first, in [−1, 1], with the 95 % interval of the paired change.
        p: of McNemar's exact test (McNemar 1947); None for many judges.
    """

    name: ShareName
    judge: str
    judges: int
    first: Share
    second: Share
    change: Share
    p: float | None

    @property
    def shown(self) -> bool:
        """Whether a difference is shown: the interval of the change does not hold 0."""
        return self.change.low > 0 or self.change.high < 0


def mcnemar(first: Tensor, second: Tensor) -> float:
    """Returns the two-sided p-value of McNemar's exact test.

    Args:
        first: which images are right in one setting, `[N]` bool.
        second: in another.
    """
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def changes(first: Evaluation, second: Evaluation) -> list[Change]:
    """Returns the changes from one evaluated set to another: by the models that judge each other, and by others.

    A judge that the attack used itself in one of the two is left out.

    Args:
        first: of one set.
        second: of another, of the same images.

    Raises:
        InputError: they are of other images, or were judged with other rules; or a file is of a version that kept no
            answers.
    """
    _refuse_unlike(first, second)
    ours, theirs = (
        {(figures.checksum, name): figures for name, figures in e.judges.items() if not figures.white_box}
        for e in (first, second)
    )
    common = [key for key in ours if key in theirs]
    together = [key for key in common if ours[key].cross and theirs[key].cross]
    alone = [key for key in common if key[1] in own_rows(first) or key[1] in own_rows(second)]
    found = []
    for name in COMPARED:
        groups = [(CROSS, together)] if together else []
        for judge, keys in [*groups, *((key[1], [key]) for key in alone)]:
            before, after = (
                torch.stack([_right(one[key], name, first.images) for key in keys]) for one in (ours, theirs)
            )
            found.append(_change(name, judge, before, after))
    return found


def compared(evaluations: Sequence[Evaluation]) -> Table:
    """Returns the table of settings compared in pairs; it has no rows where there is nothing to compare.

    Args:
        evaluations: of sets; those of older versions, without answers, are left out, and a note says so.

    Raises:
        InputError: they are of different images, or were judged with other rules.
    """
    known = [e for e in evaluations if e.images_sha256 and all(one.right for one in e.judges.values())]
    rows = []
    for first, second in pairs(known):
        sets = " → ".join(f"{one.set} ({one.perturbations_per_image})" for one in (first, second))
        for place, change in enumerate(changes(first, second)):
            judges = f"{change.judges} {change.judge}" if change.judge == CROSS else change.judge
            rows.append(["" if place else sets, SHARES[change.name], judges, *_cells(change)])
    about = (
        f"The change is that of the same images, with the {INTERVAL} of paired differences; p of McNemar's exact test, "
        "for one judge. Of twenty changes without any cause one is expected to look like a difference."
    )
    lost = [e.set for e in evaluations if e not in known]
    more = f" Not compared, for their evaluations kept no answers: {', '.join(lost)}; lit-adv test makes them again."
    note = (about if rows else "") + (more if lost and len(evaluations) > 1 else "")
    headings = ["sets", "measure", "judge", "first, %", "second, %", "change, points", "p", ""]
    return Table(f"compared in pairs [{INTERVAL}]", headings, rows, note.strip())


def pairs(evaluations: Sequence[Evaluation]) -> Iterator[tuple[Evaluation, Evaluation]]:
    """Yields every two of few evaluations, or, of many, the first with each other one."""
    if len(evaluations) <= MOST_SETS:
        yield from combinations(evaluations, 2)
    else:
        yield from ((evaluations[0], other) for other in evaluations[1:])


def _change(name: ShareName, judge: str, before: Tensor, after: Tensor) -> Change:
    """The change of a share; before and after `[judges, N]` bool."""
    difference = after.double() - before.double()
    first, second = (Share(float(right.double().mean()), *two_way_interval(right)) for right in (before, after))
    if len(before) == 1:
        first, second = (Share.of(share.value, before.shape[1]) for share in (first, second))
    return Change(
        name=name,
        judge=judge,
        judges=len(before),
        first=first,
        second=second,
        change=Share(float(difference.mean()), *two_way_change_interval(difference)),
        p=mcnemar(before[0], after[0]) if len(before) == 1 else None,
    )


def _right(figures: JudgeFigures, name: ShareName, images: int) -> Tensor:
    assert figures.right is not None
    return unpacked(figures.right[name], images)


def _refuse_unlike(first: Evaluation, second: Evaluation) -> None:
    for one in (first, second):
        if not one.images_sha256 or not all(figures.right for figures in one.judges.values()):
            raise InputError(f"the evaluation of {one.set} kept no answers; make it again with lit-adv test")
    if first.images_sha256 != second.images_sha256:
        raise InputError(f"{first.set} and {second.set} are of different images; only the same can be paired")
    for key in ("epsilon", "seed"):
        if getattr(first, key) != getattr(second, key):
            raise InputError(f"{first.set} and {second.set} were tested with different {key}; test them alike")


def _cells(change: Change) -> list[str]:
    shares = [
        f"{100 * share.value:.1f} [{100 * share.low:.0f}, {100 * share.high:.0f}]"
        for share in (change.first, change.second)
    ]
    by = change.change
    moved = f"{100 * by.value:+.1f} [{100 * by.low:+.1f}, {100 * by.high:+.1f}]".replace("-", "−")
    return [*shares, moved, "" if change.p is None else f"{change.p:.2g}", "" if change.shown else NONE_SHOWN]
