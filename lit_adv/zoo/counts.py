"""Parameters and multiply-accumulates of pytorchcv's models: a packaged table, and a memory for what it lacks."""

import csv
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console
from rich.progress import track

from lit_adv.errors import InputError
from lit_adv.files import atomic_path, read_json, write_json
from lit_adv.models.build import count
from lit_adv.zoo.pytorchcv_store import PytorchcvModel, published

COLUMNS: Final = ("name", "data", "size", "parameters", "macs")
"""Columns of the packaged table; `size` is the side length of the images, in pixels."""


class Counts(NamedTuple):
    """Size of a network.

    Attributes:
        parameters: their number.
        macs: multiply-accumulates of one forward pass on one image.
    """

    parameters: int
    macs: int


def counts(models: Sequence[PytorchcvModel]) -> dict[str, Counts]:
    """Counts of each model by its name.

    Those of the pytorchcv that the table was made with come from the table. Others are counted, which takes about half
    a second each, and remembered in the user's cache folder.
    """
    table = packaged()
    remembered = _remembered(model for model in models if model.name not in table)
    return {model.name: table.get(model.name) or remembered[model.name] for model in models}


def table_path() -> Path:
    """The packaged table of the installed pytorchcv; of most versions there is none."""
    return Path(__file__).parent / "packaged" / f"pytorchcv-{version('pytorchcv')}.csv"


def packaged() -> dict[str, Counts]:
    """The table of the installed pytorchcv, empty if none is packaged."""
    path = table_path()
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"]: Counts(int(row["parameters"]), int(row["macs"])) for row in csv.DictReader(file)}


def count_pytorchcv() -> None:
    """Counts all ImageNet and CIFAR-10 models of the installed pytorchcv anew, and writes the packaged table."""
    models = list(published().values())
    rows = [(m.name, m.data, m.size, *_count(m)) for m in _shown(models)]
    path = table_path()
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    print(f"{len(rows)} models: {path}")


def _remembered(models: Iterable[PytorchcvModel]) -> dict[str, Counts]:
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "lit-adv"
    path = cache / f"pytorchcv-{version('pytorchcv')}.json"
    known: dict[str, Counts] = {}
    with suppress(InputError, AttributeError, TypeError):  # a memory only: without it the counting takes its time
        known = {name: Counts(*numbers) for name, numbers in read_json(path).items()}
    if new := [model for model in models if model.name not in known]:
        try:
            for model in _shown(new):
                known[model.name] = _count(model)
        finally:
            with suppress(InputError):
                write_json(path, known)
    return known


def _count(model: PytorchcvModel) -> Counts:
    return Counts(*count(model.name, {}, (3, model.size, model.size)))


def _shown(models: Sequence[PytorchcvModel]) -> Iterable[PytorchcvModel]:
    """The models, with a bar on a terminal."""
    console = Console(stderr=True)
    return track(models, "counting", console=console, disable=not console.is_terminal)
