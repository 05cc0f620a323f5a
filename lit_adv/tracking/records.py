"""Settings, figures and pictures of a run in an experiment tracker, under the same names in every run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import mean
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lit_adv.errors import InputError
from lit_adv.evaluation.cross import Spread
from lit_adv.evaluation.judge_figures import SHARES, JudgeFigures
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.strength import adversarial_example
from lit_adv.perturbations.manifest import Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet, first_of_each_class
from lit_adv.perturbations.rendering import as_bytes, as_picture

PICTURES: Final = ("pictures/image", "pictures/perturbation", "pictures/adversarial_example")
"""Keys of the pictures: x; the perturbation as in the thesis; x + ε·sign(δ) (Eq. 4.3)."""
MOST_PICTURES: Final = 20
"""Largest number of pictures under one key: the number of the thesis's ImageNet classes."""
TABLE: Final = "metrics"
"""Key of a test run's table, a row for each judge."""
FIGURES: Final = (*SHARES, "auc")
"""Figures of a test run's summary and table; `FIGURE/JUDGE` belongs to one judge, `cross/FIGURE` to source models."""
PREDICT_FIGURES: Final = (
    "images", "perturbations", "perturbations_made", "seconds", "perturbations_per_second", "delta_mean_abs",
    "delta_max_abs", "models_left_out", "reliability",
)  # fmt: skip
"""Figures of a predict run's summary."""
COLUMNS: Final = (
    "set",
    "setting",
    "attack",
    "perturbations_per_image",
    "epsilon",
    "judge",
    "white_box",
    "cross",
    *FIGURES,
)
"""Columns of a test run's table."""


@dataclass(frozen=True)
class Experiment:
    """W&B project and group in which runs are recorded.

    Attributes:
        project: name of the project.
        group: name shared by the runs of an experiment; None stands for `default_group`.
    """

    project: str
    group: str | None = None

    @classmethod
    def from_options(cls, project: str | None, group: str | None) -> "Experiment | None":
        """Reads the options `--wandb` and `--wandb-group`; returns None without them.

        Raises:
            InputError: there is a group and no project, or W&B does not accept a name.
        """
        if project is None:
            if group is not None:
                raise InputError("--wandb-group is for runs that are recorded; give --wandb PROJECT too")
            return None
        from wandb import Settings
        from wandb.errors import UsageError

        for option, name in (("--wandb", project), ("--wandb-group", group)):
            if name is not None and not 0 < len(name.strip()) <= 128:
                raise InputError(f"{option} {name!r}: a name has 1 to 128 characters")
        try:
            Settings(project=project)
        except UsageError as error:
            raise InputError(f"--wandb {project!r}: {error}") from error
        return cls(project, group)


def settings(manifest: Manifest, zoo: Path) -> dict[str, Any]:
    """Lists a set's settings under flat keys, for the runs that make it and that test it.

    Args:
        manifest: manifest of the set, or description of the run that makes it, with `versions`.
        zoo: folder, file or name of the zoo.
    """
    return {
        "setting": manifest.setting,
        "attack": manifest.attack.name,
        **{f"attack_{name}": value for name, value in manifest.attack.parameters.items()},
        "targeted": manifest.data.targeted,
        "sigma": manifest.sigma,
        "copies": manifest.copies,
        "models": len(manifest.sources),
        "zoo": zoo_name(zoo),
        "data": manifest.data.name,
        "images": len(manifest.data.images),
        "seed": manifest.seed,
        "weight": manifest.weight,
        "exact": manifest.exact,
        "precision": manifest.precision,
        "device": manifest.device,
        **version_settings(manifest.versions),
    }


def version_settings(of: Mapping[str, str]) -> dict[str, str]:
    """Puts versions under flat keys."""
    return {f"version_{name}": number for name, number in of.items()}


def run_name(set_settings: Mapping[str, Any]) -> str:
    """Names the configuration that makes such a set, such as `mnist-nmm-bim`."""
    words = [set_settings[key] for key in ("data", "setting", "attack")]
    return "-".join([*words, *(["targeted"] if set_settings["targeted"] else [])]).lower()


def default_group(data: str, zoo: Path) -> str:
    """Joins data set and zoo name: one group for the runs that train the zoo, attack it and judge with it."""
    name = zoo_name(zoo)
    return data if name == data else f"{data}-{name}"


def zoo_name(zoo: Path) -> str:
    """Returns the name of a zoo's folder, or of its file without the ending."""
    return zoo.stem if zoo.suffix in (".yaml", ".yml") else zoo.name


def identity(*parts: Any) -> str:
    """Hashes `parts` to a short name, equal for equal parts."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def predict_figures(found: PerturbationSet, made: int, seconds: float) -> dict[str, float]:
    """Computes the figures of a finished set.

    Args:
        found: finished set.
        made: number of perturbations that the last start made.
        seconds: duration of the last start.
    """
    size = found.perturbation.abs()
    values = (
        len(found.label),
        int(found.count.sum()),
        made,
        seconds,
        made / seconds,
        size.mean().item(),
        size.max().item(),
        len(found.manifest.missing),
        (found.manifest.reliability or {}).get("rho", nan),
    )
    return dict(zip(PREDICT_FIGURES, values, strict=True))


def judged_figures(evaluation: Evaluation) -> dict[str, float]:
    """Lists the figures of a test run, those that are known.

    `FIGURE` is the mean over the judges that the attack did not use, but for those that judge each other: their mean is
    `cross/FIGURE`, both ends of its 95 % interval `cross/FIGURE/low` and `…/high`. `FIGURE/JUDGE` is that of one judge.
    """
    judges = {name: one for name, one in evaluation.judges.items() if not one.cross}
    values = {name: values_of(one) for name, one in judges.items()}
    black = [values[name] for name, one in judges.items() if not one.white_box]
    known = [key for key in FIGURES if black and all(one[key] is not None for one in black)]
    found: dict[str, float | None] = {key: mean(one[key] or 0 for one in black) for key in known}
    found |= {f"{key}/{name}": value for name, one in values.items() for key, value in one.items()}
    if (cross := evaluation.cross) is not None:
        for key in FIGURES:
            spread: Spread | None = getattr(cross, key)
            if spread is not None:
                found |= {
                    f"cross/{key}": spread.value, f"cross/{key}/low": spread.low, f"cross/{key}/high": spread.high,
                    f"cross/{key}/lowest": spread.lowest, f"cross/{key}/highest": spread.highest,
                }  # fmt: skip
        found |= {"cross/judges": cross.judges, "cross/p": cross.p}
    return {key: value for key, value in found.items() if value is not None}


def table_rows(evaluation: Evaluation) -> list[list[Any]]:
    """Makes the rows of the table of `COLUMNS`, one for each judge."""
    setting, attack = evaluation.set.split(" ", 1)
    shared = [evaluation.set, setting, attack, evaluation.perturbations_per_image, evaluation.epsilon]
    return [
        [*shared, name, judge.white_box, judge.cross, *values_of(judge).values()]
        for name, judge in evaluation.judges.items()
    ]


def values_of(judge: JudgeFigures) -> dict[str, float | None]:
    """One judge's value of each of `FIGURES`."""
    shares: dict[str, float | None] = {key: judge.share(key) for key in SHARES}
    return {**shares, "auc": None if judge.auc is None else judge.auc.value}


def pictures(found: PerturbationSet, epsilon: float) -> tuple[dict[str, NDArray[np.uint8]], list[str]]:
    """Renders the first image of each class under the keys `PICTURES`, and captions.

    Args:
        found: finished set.
        epsilon: ε of Eq. 4.3.

    Returns:
        Pictures `[N, H, W, C]` uint8 by key, and N captions.
    """
    index = first_of_each_class(found.label)[:MOST_PICTURES]
    image = found.image[index]
    example = adversarial_example(image, found.perturbation[index], epsilon)
    captions = [f"class {label}" for label in found.label[index].tolist()]
    if found.target is not None:
        captions = [f"{c} to {t}" for c, t in zip(captions, found.target[index].tolist(), strict=True)]
    return dict(zip(PICTURES, map(as_bytes, (image, as_picture(found, index), example)), strict=True)), captions
