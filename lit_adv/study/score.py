"""Figures of a study with people (thesis 4.8.2.2)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, Final

import numpy as np

from lit_adv.errors import InputError
from lit_adv.evaluation.published import HUMANS
from lit_adv.evaluation.table import Table
from lit_adv.files import read_json
from lit_adv.study.design import Study

DRAWS: Final = 10_000
FEWEST: Final = 3
"""Least number of subjects in a group from which on its best and worst are left out."""


@dataclass(frozen=True)
class Sheet:
    """One subject's answers to one group: picture to choice."""

    subject: str
    group: int
    answers: dict[str, str]


def score(files: Sequence[Path], key: Path, seed: int = 0) -> dict[str, Any]:
    """Returns the figures of a study.

    Args:
        files: saved by the page, of complete groups.
        key: written by `build`.
        seed: of the bootstrap.

    Raises:
        InputError: a file is not a complete one of this study, or a subject has answered a group twice.
    """
    if seed < 0:
        raise InputError(f"seed {seed}: give at least 0")
    study = Study.load(key)
    sheets: dict[tuple[int, str], Sheet] = {}
    for path in files:
        sheet = read_sheet(path, study)
        if (sheet.group, sheet.subject) in sheets:
            raise InputError(f"{path}: subject {sheet.subject} has answered group {sheet.group} in another file too")
        sheets[sheet.group, sheet.subject] = sheet
    return summarise(list(sheets.values()), study, seed)


def read_sheet(path: Path, study: Study) -> Sheet:
    """Reads a file that the page saved.

    Raises:
        InputError: it is not of this study, or does not answer each picture of its group once with a choice offered.
    """
    content = read_json(path)
    try:
        made, subject, group = content["study"], content["subject"], content["group"]
        answers = [(answer["picture"], answer["choice"]) for answer in content["answers"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not a file that the study's page saved") from error
    if made != study.id:
        raise InputError(f"{path} is of study {made}, the key of {study.id}")
    if type(group) is not int or not 1 <= group <= len(study.groups):
        raise InputError(f"{path}: group {group} is not one of 1 to {len(study.groups)}")
    if not isinstance(subject, str) or not subject:
        raise InputError(f"{path}: subject {subject!r} is not a name")
    expected = study.groups[group - 1]
    counts = Counter(str(picture) for picture, _ in answers)
    for picture, count in counts.items():
        if picture not in expected:
            raise InputError(f"{path}: picture {picture} is not in group {group}")
        if count > 1:
            raise InputError(f"{path}: picture {picture} is answered {count} times")
    if len(counts) < len(expected):
        raise InputError(f"{path} is incomplete: {len(counts)} of {len(expected)} pictures answered; leave it out")
    for picture, choice in answers:
        if choice not in study.trials[picture].choices:
            raise InputError(f"{path}: {choice!r} is not among the choices of picture {picture}")
    return Sheet(subject, group, dict(answers))


def summarise(sheets: Sequence[Sheet], study: Study, seed: int) -> dict[str, Any]:
    """Returns all figures; shares are of 1.

    Subjects are dropped for the trimmed mean and its interval only; classes and confusions count all answers.

    Args:
        sheets: at least one; no two of the same subject and group.
        study: what they answered.
        seed: of the bootstrap.
    """
    label = {picture: trial.label for picture, trial in study.trials.items()}
    accuracy = [share_right(sheet.answers, label) for sheet in sheets]
    places = [[i for i, sheet in enumerate(sheets) if sheet.group == g + 1] for g in range(len(study.groups))]
    kept = [[members[k] for k in trimmed([accuracy[i] for i in members])] for members in places]
    remaining = [[accuracy[i] for i in members] for members in kept]
    flat = {i for members in kept for i in members}
    return {
        "study": study.id,
        "perturbations": study.perturbations,
        "pictures": len(study.trials),
        "seed": seed,
        "chance": study.chance,
        "mean": mean(accuracy),
        "trimmed_mean": mean(value for group in remaining for value in group),
        "interval_95": list(bootstrap_interval(remaining, seed)),
        "subjects": [
            {"subject": sheet.subject, "group": sheet.group, "accuracy": accuracy[i], "kept": i in flat}
            for i, sheet in sorted(enumerate(sheets), key=lambda pair: (pair[1].group, pair[1].subject))
        ],
        "groups": [
            {
                "group": number,
                "subjects": len(members),
                "mean": mean(accuracy[i] for i in members) if members else None,
                "trimmed_mean": mean(left) if left else None,
            }
            for number, (members, left) in enumerate(zip(places, remaining, strict=True), 1)
        ],
        "classes": confusion([sheet.answers for sheet in sheets], label, study.classes),
    }


def share_right(answers: Mapping[str, str], label: Mapping[str, str]) -> float:
    """Returns the share of one subject's answers, picture to choice, that are right."""
    return mean(float(choice == label[picture]) for picture, choice in answers.items())


def trimmed(accuracies: Sequence[float]) -> list[int]:
    """Returns positions of a group's subjects without the best and the worst, of equals the last and the first.

    Fewer than three subjects stay as they are.
    """
    ranking = sorted(range(len(accuracies)), key=lambda i: accuracies[i])
    return sorted(ranking[1:-1] if len(ranking) >= FEWEST else ranking)


def bootstrap_interval(
    groups: Sequence[Sequence[float]], seed: int, draws: int = DRAWS, level: float = 0.95
) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of the mean over subjects.

    Each draw takes from each group as many subjects as it has, with replacement, and averages over all drawn; the
    interval's ends are the (1 ∓ `level`)/2 quantiles of these averages, linearly interpolated. The pictures are taken
    as fixed, and trimming is not repeated in a draw.

    Args:
        groups: accuracies of each group's subjects, after trimming; empty groups count nothing.
        seed: of numpy's default generator.
        draws: how many.
        level: of confidence.
    """
    generator = np.random.default_rng(seed)
    drawn = np.concatenate([generator.choice(group, (draws, len(group))) for group in groups if group], axis=1)
    low, high = np.quantile(drawn.mean(1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def confusion(
    answered: Sequence[Mapping[str, str]], label: Mapping[str, str], classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Returns for each class shown: its number of pictures, the share of right answers, and the count of each answer.

    Args:
        answered: of each subject, picture to choice.
        label: picture to right answer.
        classes: all, in the order wanted.

    Returns:
        Class to `shown`, `accuracy` and `answers`: the most frequent first, of equals the first of `classes`.
    """
    given: dict[str, Counter[str]] = {name: Counter() for name in classes}
    for answers in answered:
        for picture, choice in answers.items():
            given[label[picture]][choice] += 1
    return {
        name: {
            "shown": counts.total(),
            "accuracy": counts[name] / counts.total(),
            "answers": {
                choice: counts[choice] for choice in sorted(classes, key=lambda c: -counts[c]) if counts[choice]
            },
        }
        for name, counts in given.items()
        if counts
    }


def tables(figures: dict[str, Any]) -> list[Table]:
    """Returns tables of subjects, groups, classes, and the whole study last."""
    subjects = [
        [s["subject"], str(s["group"]), percent(s["accuracy"]), "" if s["kept"] else "dropped"]
        for s in figures["subjects"]
    ]
    groups = [
        [str(g["group"]), str(g["subjects"]), percent(g["mean"]), percent(g["trimmed_mean"])] for g in figures["groups"]
    ]
    classes = []
    for name, found in figures["classes"].items():
        wrong, count = next(((c, n) for c, n in found["answers"].items() if c != name), ("", 0))
        mistaken = f"{wrong} ({percent(count / found['shown'])})" if count else ""
        classes.append([name, str(found["shown"]), percent(found["accuracy"]), mistaken])
    about = figures["perturbations"]
    published = HUMANS.get(about["data"], {}).get(about["name"])
    low, high = figures["interval_95"]
    kept = sum(s["kept"] for s in figures["subjects"])
    whole = [
        ["trimmed mean", percent(figures["trimmed_mean"]) + (f" ({published:g})" if published is not None else "")],
        ["its 95 % interval (bootstrap over subjects)", f"{100 * low:.1f} to {100 * high:.1f} %"],
        ["subjects in it", f"{kept} of {len(figures['subjects'])}"],
        ["plain mean", percent(figures["mean"])],
        ["chance", percent(figures["chance"])],
    ]
    bracket = " (in brackets: section 4.8.2.2 of the thesis)" if published is not None else ""
    return [
        Table("subjects", ["subject", "group", "right", "best or worst of its group"], subjects),
        Table("groups", ["group", "subjects", "mean", "trimmed mean"], groups),
        Table("classes, answers of all subjects", ["class", "shown", "right", "most often mistaken for"], classes),
        Table(f"{about['name']} on {about['data']}, {figures['pictures']} pictures{bracket}", ["", "right"], whole),
    ]


def percent(share: float | None) -> str:
    """Returns a share of 1 as percent; empty for None."""
    return "" if share is None else f"{100 * share:.1f} %"
