"""The page of evaluated perturbation sets: tables, pictures, origin."""

from base64 import b64encode
from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.evaluation.pairs import compared
from lit_adv.evaluation.recognizability import judge_input_in_words
from lit_adv.evaluation.result import Evaluation
from lit_adv.evaluation.set_tables import areas, influence, recognizability, strength
from lit_adv.figures.gallery import MOST_COLUMNS, gallery_row, picture_grid, picture_rows
from lit_adv.figures.maps import EXPLANATION, rows_with_maps
from lit_adv.figures.sample import MOST_IMAGES, one_of_each, spread
from lit_adv.files import atomic_path
from lit_adv.html import page
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.terminal import say


def report(sets: list[Path], out: Path, show: Sequence[str] = ("thesis",), explorer: Path | None = None) -> None:
    """Writes a page with the table and the pictures of perturbation sets of the same images.

    Writes `index.html`, which needs no other file, and the galleries as PNG beside it; prints the table. Of more
    than `MOST_IMAGES` images a sample is drawn, the same every time; the tables are of all.

    Args:
        sets: folders of evaluated perturbation sets, in the order of the gallery's rows.
        out: the page's folder.
        show: ways of showing δ, see `lit_adv.perturbations.showing`.
        explorer: page of `lit-adv explore` that the page links to.

    Raises:
        InputError: a set is missing or not evaluated, the sets are of different images, a way is unknown, or there is
            no such explorer.
    """
    if explorer is not None and not explorer.is_file():
        raise InputError(f"there is no page {explorer}; make it with lit-adv explore")
    loaded = [PerturbationSet.load(folder) for folder in sets]
    evaluations = [read_evaluation(folder, one) for folder, one in zip(sets, loaded, strict=True)]
    for folder, one in zip(sets[1:], loaded[1:], strict=True):
        if not torch.equal(one.image, loaded[0].image):
            raise InputError(f"{folder} and {sets[0]} are of different images; a gallery needs the same ones")
    for folder, evaluation in zip(sets[1:], evaluations[1:], strict=True):
        for key in ("epsilon", "seed"):
            if getattr(evaluation, key) != getattr(evaluations[0], key):
                raise InputError(f"{folder} and {sets[0]} were tested with different {key}; test them alike")
    tables = [
        recognizability(evaluations),
        areas(evaluations),
        strength(evaluations),
        *([strength(evaluations, "attack_l2")] if all(one.norms for one in evaluations) else []),
        compared(evaluations),
        *(influence(one, loaded[0].data_set.class_names()) for one in evaluations),
    ]
    tables = [table for table in tables if table.rows or table.note]
    label = loaded[0].label
    classes, classes_left_out = one_of_each(label)
    sample = spread(label, MOST_IMAGES)
    say(f"drawing {len(sample)} of {len(label)} images and {len(classes)} of {len(label.unique())} classes …")
    pictures = {"one_of_each": gallery_row(picture_rows(loaded, classes, show)), "all": many(loaded, sample)}
    if any(one.groups for one in loaded):
        pictures["maps"] = gallery_row(rows_with_maps(loaded, classes))
    for name, png in pictures.items():
        with atomic_path(out / f"{name}.png") as temporary:
            temporary.write_bytes(png)
    reliability = [(one.name, found.lines()) for one in loaded if (found := Reliability.known(one))]
    html = page(
        "lit_adv.figures",
        "report.html",
        tables=tables,
        rule=judge_input_in_words(loaded[0].data_set),
        evaluation=evaluations[0],
        manifests=[(one.name, one.manifest) for one in loaded],
        targeted=any(one.target is not None for one in loaded),
        untargeted=any(one.target is None for one in loaded),
        clipped=any(one.manifest.attack.parameters.get("clip") for one in loaded),
        white_box=any(judge.white_box for e in evaluations for judge in e.judges.values()),
        cross=any(e.cross is not None for e in evaluations),
        held_out=any(not judge.cross for e in evaluations for judge in e.judges.values()),
        images=len(label),
        drawn=len(sample),
        classes_left_out=classes_left_out,
        reliability=reliability,
        explanation=EXPLANATION,
        explorer=None if explorer is None else relpath(explorer, out),
        pictures={name: b64encode(png).decode() for name, png in pictures.items()},
    )
    with atomic_path(out / "index.html") as temporary:
        temporary.write_text(html, encoding="utf-8")
    for table in tables:
        table.print()
    print(f"page: {out / 'index.html'}")


def read_evaluation(folder: Path, evaluated: PerturbationSet) -> Evaluation:
    """Reads the set's evaluation.

    Raises:
        InputError: there is none, or it is of another set.
    """
    path = folder / EVALUATION
    if not path.is_file():
        raise InputError(f"no {path}; make it with lit-adv test --config DATA-test --zoo ZOO --out {folder}")
    evaluation = Evaluation.load(path)
    if evaluation.sha256 != evaluated.manifest.sha256:
        raise InputError(f"{path} is of another perturbation set; run lit-adv test on {folder} again")
    return evaluation


def many(sets: Sequence[PerturbationSet], index: Tensor) -> bytes:
    """Returns the gallery of the images at `index` as PNG; a band holds a class where all classes are of one size."""
    label = sets[0].label[index]
    sizes = label.unique(return_counts=True)[1].tolist()
    columns = min(MOST_COLUMNS, sizes[0] if len(set(sizes)) == 1 else len(label))
    return picture_grid(picture_rows(sets, index), columns).png()
