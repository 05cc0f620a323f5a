"""Figures made from the command line: missing sets in processes of their own, the small zoo trained first."""

import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from lit_adv.data_sets import DATA_SETS, IMAGES, DataSet, own_images
from lit_adv.errors import InputError
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.entry import Entry
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.judges import Judges
from lit_adv.reproduce.make import chosen_entries, is_own_zoo, lacking, make
from lit_adv.reproduce.page import write_page
from lit_adv.reproduce.sets import Sets
from lit_adv.zoo.zoo import Zoo

IMAGENET_CLASSES: Final = DATA_SETS["imagenet"].classes
FAST_STEPS: Final = {"bim": 10, "cw": 30, "square": 100}
"""Steps or queries of the attacks that `--fast` shortens."""
WIDE: Final = 120
"""Least width of the list, in characters."""


def make_figures(
    names: Sequence[str],
    data: str = "mnist",
    zoo: Path | None = None,
    out: Path | None = None,
    masks: Path | None = None,
    steps: Mapping[str, int] | None = None,
    fast: bool = False,
    devices: int = 1,
    only_list: bool = False,
    trust: Sequence[str] = (),
    attacks: Sequence[str] = (),
    words_for_predict: Sequence[str] = (),
) -> None:
    """Makes tables and figures of the thesis, and the perturbation sets that they lack, or lists what there is.

    Args:
        names: of figures and tables, or `all`.
        data: the data set.
        zoo: folder of trained models, zoo file or its name; None for the packaged one.
        out: folder of sets, figures and page; None for `runs/reproduce/DATA`.
        masks: folder of the images' masks, `WNID/NAME.png`; MNIST needs none.
        steps: steps or queries of an attack, by its name, in place of the configuration's.
        fast: few steps and copies; on MNIST without a zoo: on ten models of the embedded digits.
        devices: processes of each `predict`.
        only_list: whether to list figures, what they need and whether that is at hand.
        trust: packages of the user's own whose code may run.
        attacks: names of the attacks in the place of each figure's own; none for its own.
        words_for_predict: further words for each `predict`.

    Raises:
        InputError: a name is unknown or has no meaning for the data, or something that a figure needs is missing.
    """
    out = out or Path("runs/reproduce") / (data + "-fast" * fast)
    train = FAST_ZOOS.get(data) if fast and zoo is None else None
    zoo = out / "zoo" if train else zoo or Path("imagenet" if data == IMAGES else data)
    sets = Sets(
        data=DATA_SETS[data] if data in DATA_SETS else images_of(zoo, trust),
        zoo=zoo,
        out=out,
        make_set=predict,
        words=[*(["--trust", *trust] if trust else []), *words_for_predict],
        steps={**(FAST_STEPS if fast else {}), **(steps or {})},
        fast=fast,
        devices=devices,
    )
    inputs = FigureInputs(sets=sets, judges=Judges(sets.zoo, sets.data, tuple(trust)), masks=masks)
    catalogue = [entry.with_attacks(attacks) for entry in CATALOGUE]
    if only_list:
        print_list(inputs, catalogue)
        return
    entries = chosen_entries(names, inputs, catalogue)
    growth = frozenset(name for entry in entries if entry.growth for name in entry.sets)
    inputs = replace(inputs, sets=replace(sets, growth=growth))
    if train:
        train(sets.zoo)
    for entry in entries:
        make(entry, inputs)
        page = write_page(out, data)
    print(f"page: {page}")


def images_of(zoo: Path, trust: Sequence[str] = ()) -> DataSet:
    """Returns what is known of own images before there is a set: their shape and number of classes, by the zoo."""
    shape, classes = (3, 224, 224), IMAGENET_CLASSES
    with suppress(InputError):
        model = Zoo.open(zoo, trust).models[0]
        shape, classes = model.image_shape, model.classes
    channels = (0.5,) * shape[0]
    names = "imagenet" if classes == IMAGENET_CLASSES else tuple(map(str, range(classes)))
    return replace(own_images(shape, names, channels, channels), photographs=Path("data/images"))


def print_list(inputs: FigureInputs, catalogue: Sequence[Entry]) -> None:
    """Prints the figures of the data set, and what of them is at hand."""
    table = Table(title=f"Figures and tables on {inputs.data.name}, kept in {inputs.sets.out}", title_justify="left")
    for heading in ("name", "shows", "perturbation sets that are there", "can be made"):
        table.add_column(heading, no_wrap=heading == "name")
    for entry in catalogue:
        there = sum(inputs.sets.is_finished(name) for name in entry.sets)
        all_sets = ", ".join(map(str, entry.sets))
        needs = f"{there} of {len(entry.sets)}" + ("" if there == len(entry.sets) else f" of {all_sets}")
        table.add_row(entry.name, entry.title.split(": ", 1)[1], needs, lacking(entry, inputs) or "yes")
    console = Console()
    Console(width=max(console.width, WIDE)).print(table)
    print(f"zoo {inputs.judges.path}: {zoo_in_words(inputs)}")


def zoo_in_words(inputs: FigureInputs) -> str:
    """Returns the numbers of the zoo's models, or why it cannot be used."""
    if is_own_zoo(inputs) and not inputs.judges.path.is_dir():
        return "ten models of the embedded digits, trained when a figure is made"
    try:
        zoo = inputs.judges.zoo
    except InputError as error:
        return str(error)
    missing = [spec.name for spec in zoo.models if not spec.at_hand()]
    weights = f"; weights of {len(missing)} are still to be downloaded" if missing else ""
    return f"{len(zoo.sources)} source models, {len(zoo.judges)} test models{weights}"


def predict(words: Sequence[str]) -> None:
    """Runs `lit-adv predict` in a process of its own: with several devices Lightning starts the command line again.

    Args:
        words: after `predict`.

    Raises:
        InputError: it fails.
        SystemExit: it was interrupted.
    """
    command = ["lit-adv", "predict", *words]
    Console(stderr=True).print(shlex.join(command), style="dim", highlight=False, markup=False, soft_wrap=True)
    code = run_to_its_end([sys.executable, "-m", "lit_adv", *command[1:]])
    if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
        raise SystemExit(code)
    if code:
        raise InputError(f"this ended with exit code {code}: {shlex.join(command)}")


def run_to_its_end(command: Sequence[str]) -> int:
    """Runs a command and returns its exit code; on SIGINT, which it gets too, and SIGTERM, lets it save and end."""
    with subprocess.Popen(command) as child:
        before = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        try:
            while True:
                with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
                    return child.wait(1)  # not without end: a signal just before such a wait is not seen during it
        finally:
            signal.signal(signal.SIGTERM, before)


def train_digits(folder: Path) -> None:
    """Trains ten models of the embedded digits, those that are not there yet."""
    from trainers.mnist_zoo import train_mnist_zoo

    train_mnist_zoo(folder, count=10, source="digits")


FAST_ZOOS: Final[Mapping[str, Callable[[Path], None]]] = {"mnist": train_digits}
"""Data sets on which `--fast` trains a small zoo, and the functions that do."""
