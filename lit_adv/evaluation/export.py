"""Adversarial examples of a set as PNG files with a table of labels, for other tools and back again."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from PIL import Image
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.errors import InputError
from lit_adv.evaluation.judge import check_epsilon, judge_says
from lit_adv.evaluation.rules import BATCH_SIZE
from lit_adv.evaluation.strength import CHANGED, Scale
from lit_adv.files import atomic_path, check_writable
from lit_adv.logits import first_few
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import as_bytes, of_bytes

LABELS: Final = "labels.csv"
CLASSES: Final = "classes.txt"


def export(
    found: PerturbationSet,
    out: Path,
    scale: Scale = "sign",
    epsilon: float | None = None,
    judges: Mapping[str, Model] | None = None,
) -> dict[str, tuple[float, float]]:
    """Writes adversarial examples as PNG files, clipped to [0, 1] and rounded to eight bits, and `labels.csv`, last.

    Args:
        found: the set.
        out: folder; its `labels.csv` has the columns `file`, `label`, `target` where the set is targeted, and what each
            judge answers to the file. `classes.txt` has the names of all classes.
        scale: what becomes of δ, one of `CHANGED`.
        epsilon: ε, in pixel values of [0, 1]; by default the data set's.
        judges: by name.

    Returns:
        By judge, the share of its answers that are the label: before clipping and rounding, and to the files.

    Raises:
        InputError: ε is out of range, `out` holds other files or such a table already, or a judge's logits are not
            finite.
    """
    epsilon = found.data_set.epsilon if epsilon is None else epsilon
    check_epsilon(epsilon)
    check_writable(out)
    names = [f"{number:0{len(str(len(found.label) - 1))}d}.png" for number in range(len(found.label))]
    if strays := sorted({path.name for path in out.iterdir()} - {*names, CLASSES}):
        raise InputError(f"{out} holds {first_few(strays)} already; choose another folder, or empty it")
    examples = torch.cat(
        [
            CHANGED[scale](image, delta, epsilon)
            for image, delta in zip(found.image.split(64), found.perturbation.split(64), strict=True)
        ]
    )
    pixels = as_bytes(examples)
    for name, picture in zip(names, pixels, strict=True):
        with atomic_path(out / name) as temporary:
            Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(temporary, "png")
    files = of_bytes(pixels, examples)
    asked = {
        name: (answers(model, examples, name), answers(model, files, name)) for name, model in (judges or {}).items()
    }
    _write_tables(found, out, names, {name: given for name, (_, given) in asked.items()})
    return {
        name: (float((before == found.label).double().mean()), float((after == found.label).double().mean()))
        for name, (before, after) in asked.items()
    }


@torch.no_grad()
def answers(model: Model, images: Tensor, name: str) -> Tensor:
    """Returns the classes `[N]` that a judge sees in images `[N, C, H, W]`.

    Raises:
        InputError: its logits are not finite.
    """
    rows = torch.arange(len(images)).split(BATCH_SIZE)
    return torch.cat([judge_says(model, images[some], name, some.tolist()).argmax(1) for some in rows])


def _write_tables(found: PerturbationSet, out: Path, names: Sequence[str], given: Mapping[str, Tensor]) -> None:
    columns: dict[str, Sequence[object]] = {"file": names, "label": found.label.tolist()}
    if found.target is not None:
        columns["target"] = found.target.tolist()
    columns |= {f"answer of {name}": answer.tolist() for name, answer in given.items()}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    classes = "".join(f"{name}\n" for name in found.data_set.class_names())
    for name, content in {CLASSES: classes, LABELS: text.getvalue()}.items():
        with atomic_path(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
