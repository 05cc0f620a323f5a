"""Writes the explorer's page."""

import json
from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import torch
from PIL import Image

from lit_adv.errors import InputError
from lit_adv.evaluation.crossing import judges_of_all
from lit_adv.explorer.cells import Cells, first_averages
from lit_adv.explorer.figures import answers, described, figures
from lit_adv.files import atomic_path, check_writable
from lit_adv.html import page
from lit_adv.perturbations.perturbation_set import PerturbationSet, first_of_each_class
from lit_adv.perturbations.rendering import as_bytes
from lit_adv.terminal import say
from lit_adv.zoo.zoo import Zoo

LARGEST: Final = 15_000_000
"""Most bytes of a page."""
TEXT: Final = 300_000
"""Bytes left for all but pictures."""


def explore(
    runs: Sequence[Path],
    out: Path,
    zoo: Path | None = None,
    trust: Sequence[str] = (),
    images: int = 10,
) -> Path:
    """Writes `index.html`, which needs no other file and no server.

    Args:
        runs: folders of perturbation sets of the same images, made with `--growth`.
        out: the page's folder.
        zoo: whose test models judge the averages, those that a run did not attack; without it the page has ρ only.
        trust: packages whose code may run, where the zoo names some.
        images: most images on the page: the first of each class, and of the classes the first. Fewer where the page
            would have more than 15 MB.

    Returns:
        The page.

    Raises:
        InputError: a set is missing, has no growth, or is of other images; the zoo has no test model that could judge a
            run; or one image alone is too much for a page.
    """
    if images < 1:
        raise InputError(f"images is {images}; it must be at least 1")
    loaded = [PerturbationSet.load(folder) for folder in runs]
    opened = None if zoo is None else Zoo.open(zoo, trust)
    for folder, one in zip(runs, loaded, strict=True):
        if not torch.equal(one.image, loaded[0].image):
            raise InputError(f"{folder} and {runs[0]} are of different images; a page needs the same ones")
        if one.kept is None or not one.kept.cells.growth:
            raise InputError(f"{folder} was made without --growth; make it again with it, into another folder")
    index = first_of_each_class(loaded[0].label)[:images].sort().values
    pictures = [_image(loaded[0], position) for position in index.tolist()]
    pictures = pictures[: _fitting(loaded, [len(picture["png"]) for picture in pictures])]
    index = index[: len(pictures)]
    check_writable(out)
    shown = []
    for folder, one in zip(runs, loaded, strict=True):
        judges = {} if opened is None else judges_of_all(opened, [one])
        say(f"{folder}: {len(judges)} judges, {sum(1 for _ in _sizes(one))} numbers of models and copies …")
        averages = first_averages(one, index)
        shown.append(
            {
                **described(one),
                "cells": Cells.of(one, index, averages).packed(),
                "figures": figures(one, judges),
                "judges": [*judges],
                "answers": answers(one, index, averages, judges),
                "chance": 1 / len(one.classes if one.data_set.answers_among_its_classes else _names(loaded)),
            }
        )
    content = {
        "names": _names(loaded),
        "images": pictures,
        "runs": shown,
    }
    script = (files("lit_adv.explorer") / "templates" / "explorer.js").read_text(encoding="utf-8")
    html = page("lit_adv.explorer", "index.html", content=content, script=script, title=_title(loaded))
    if (size := len(html.encode())) > LARGEST:
        raise InputError(f"the page has {size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}; give fewer runs")
    with atomic_path(out / "index.html") as temporary:
        temporary.write_text(html, encoding="utf-8")
    return out / "index.html"


def _fitting(loaded: Sequence[PerturbationSet], pictures: Sequence[int]) -> int:
    """Number of images that fit into a page, of the sizes of their files; a line tells where not all do.

    Raises:
        InputError: none does.
    """
    channels, height, width = loaded[0].image.shape[1:]
    pixels = (1 if loaded[0].data_set.is_large else channels) * height * width
    cells = sum(pixels * len(_sizes(one)) + height * width for one in loaded)  # and the weights of agreement
    total = list(accumulate(size + 4 * cells / 3 for size in pictures))
    fitting = sum(size < LARGEST - TEXT for size in total)
    if not fitting:
        most = f"a page has at most {LARGEST / 1e6:.0f}"
        raise InputError(f"one image takes {total[0] / 1e6:.0f} MB, {most}; give fewer runs")
    if fitting < len(pictures):
        say(f"{fitting} of {len(pictures)} images fit into a page of {LARGEST / 1e6:.0f} MB")
    return fitting


def _sizes(one: PerturbationSet) -> Sequence[tuple[int, int]]:
    assert one.kept is not None
    return [*one.kept.sizes()]


def _names(loaded: Sequence[PerturbationSet]) -> list[str]:
    return [*loaded[0].data_set.class_names()]


def _title(loaded: Sequence[PerturbationSet]) -> str:
    return f"{', '.join(dict.fromkeys(one.name for one in loaded))}: {loaded[0].data_set.name}"


def _image(one: PerturbationSet, position: int) -> dict[str, Any]:
    picture = as_bytes(one.image[position : position + 1])[0]
    stream = BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(stream, "png", optimize=True)
    return {
        "label": int(one.label[position]),
        "target": None if one.target is None else int(one.target[position]),
        "png": b64encode(stream.getvalue()).decode(),
    }


def read_content(html: Path) -> dict[str, Any]:
    """Returns the data in a page."""
    text = html.read_text(encoding="utf-8")
    _, _, rest = text.partition('<script type="application/json" id="content">')
    found: dict[str, Any] = json.loads(rest.partition("</script>")[0])
    return found
