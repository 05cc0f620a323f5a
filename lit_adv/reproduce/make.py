"""`lit-adv reproduce`: figures and tables by name."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.reproduce.catalogue import CATALOGUE, Entry
from lit_adv.reproduce.material import FAST_STEPS, LENGTH, Material, common, described
from lit_adv.reproduce.page import write_page


def reproduce(words: Sequence[str]) -> None:
    """Makes what is named, or lists what there is.

    Args:
        words: after `reproduce` on the command line; those after `--` go to every `predict`.

    Raises:
        InputError: a name is unknown or has no meaning for the data, or something that a figure needs is missing.
    """
    mark = words.index("--") if "--" in words else len(words)
    parser = ArgumentParser(
        "lit-adv reproduce",
        description="Makes tables and figures of the thesis: the perturbation sets that are missing, pictures, "
        "numbers, and a section in one page.",
        epilog="What follows -- is given to every `lightning predict`: -- --data.root PHOTOGRAPHS --data.per_class 5",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures and tables (see --list), or all")
    parser.add_argument("--data", choices=tuple(DATA_SETS), default="mnist", help="the data set (default: mnist)")
    parser.add_argument(
        "--zoo", type=Path, help="folder of trained models, zoo file or its name (default: the packaged one)"
    )
    parser.add_argument("--out", type=Path, help="where all is kept (default: runs/reproduce/DATA)")
    parser.add_argument("--masks", type=Path, help="folder of the images' masks, WNID/NAME.png; not needed for mnist")
    parser.add_argument(
        "--steps",
        type=_steps,
        nargs="+",
        default=[],
        metavar="ATTACK=N",
        help="shorter attacks, such as cw=100 square=500",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help="few steps and copies; mnist without --zoo: on ten models of the embedded digits",
    )
    parser.add_argument("--devices", type=int, default=1, help="processes of every predict (default: 1)")
    parser.add_argument(
        "--list", action="store_true", help="say what there is, what it needs and whether that is at hand"
    )
    chosen = parser.parse_args(words[:mark])
    out = chosen.out or Path("runs/reproduce") / (chosen.data + "-fast" * chosen.fast)
    ours = chosen.fast and chosen.data == "mnist" and chosen.zoo is None
    material = Material(
        data=chosen.data,
        zoo=out / "zoo" if ours else chosen.zoo or Path(chosen.data),
        out=out,
        words=words[mark + 1 :],
        masks=chosen.masks,
        steps={**(FAST_STEPS if chosen.fast else {}), **dict(chosen.steps)},
        fast=chosen.fast,
        devices=chosen.devices,
    )
    if chosen.list:
        print_list(material)
        return
    entries = chosen_entries(chosen.names, material)
    material.growth = {name for entry in entries if entry.growth for name in entry.sets}
    if ours:
        from trainers.mnist_zoo import train_mnist_zoo

        train_mnist_zoo(material.zoo, count=10, source="digits")
    for entry in entries:
        make(entry, material)
        page = write_page(out, chosen.data)
    print(f"page: {page}")


def chosen_entries(names: Sequence[str], material: Material) -> list[Entry]:
    """The entries of these names, in the catalogue's order; `all` means those that can be made.

    Raises:
        InputError: there is none of such a name, or it cannot be made.
    """
    known = {entry.name: entry for entry in CATALOGUE}
    if not names:
        raise InputError("name figures or tables, or all; --list says what there is")
    wanted = set(names) - {"all"}
    for name in sorted(wanted):
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.3)
            raise InputError(
                f"there is no {name!r}; did you mean {', '.join(near) or 'one of those that --list names'}?"
            )
        if reason := lacking(known[name], material):
            raise InputError(f"{name}: {reason}")
    if "all" in names:
        for entry in CATALOGUE:
            reason = lacking(entry, material)
            if entry.growth and material.data_set.is_large and not all(map(material.has, entry.sets)):
                reason = reason or "it takes many times the memory; name it to have it"
            if entry.name not in wanted and reason:
                print(f"left out: {entry.name}, {reason}")
            else:
                wanted.add(entry.name)
    return [entry for entry in CATALOGUE if entry.name in wanted]


def lacking(entry: Entry, material: Material) -> str:
    """Why an entry cannot be made, or nothing."""
    if material.data not in entry.data:
        return f"it has no meaning on {material.data}, only on {' and '.join(entry.data)}"
    if entry.masks and material.data_set.object_from == "files":
        if material.masks is None:
            return "it needs masks of the images; give --masks FOLDER"
        if not material.masks.is_dir():
            return f"there is no folder {material.masks} with masks"
    missing = [name for name in entry.sets if not material.has(name)]
    if entry.growth and (without := [name for name in entry.sets if material.lacks_growth(name)]):
        return f"{material.folder(without[0])} was made without --growth; delete it or choose another --out"
    if material.data_set.photographs and (missing or entry.masks) and not material.image_folder().is_dir():
        return f"there is no folder {material.image_folder()} with photographs; give -- --data.root FOLDER"
    if is_own_zoo(material):
        return ""
    try:
        zoo = material.models
    except InputError as error:
        return str(error)
    if entry.judges and not zoo.judges:
        return f"zoo {material.zoo} has no test model"
    if len(zoo.sources) < 2 and any(name.startswith(("mm", "nmm")) for name in missing):
        return f"zoo {material.zoo} has a single source model, many are needed"
    return ""


def is_own_zoo(material: Material) -> bool:
    """Whether it is the zoo that `--fast` trains; then it need not be there yet."""
    return material.zoo == material.out / "zoo"


def make(entry: Entry, material: Material) -> None:
    """Makes one entry and says where it is."""
    used = material if entry.any_images else common(material, entry.sets)
    made = entry.make(used, entry.sets)
    if used is not material:
        images = len(used.set(entry.sets[0]).label)
        made.note = f"{made.note} Only the {images} images that all of these sets have.".lstrip()
    sets = {name: described(name, material.set(name)) for name in entry.sets}
    checksums = {name: material.set(name).manifest.sha256 for name in entry.sets}
    about = {"title": entry.title, "published": entry.published, "data": material.data, "zoo": str(material.zoo)}
    folder = material.out / "figures" / entry.name
    made.save(folder, {**about, "sets": sets, "sha256": checksums})
    print(f"{entry.title}: {folder}")


def print_list(material: Material) -> None:
    """Prints what there is for the data set, and what of it is at hand."""
    table = Table(title=f"Figures and tables on {material.data}, kept in {material.out}", title_justify="left")
    for heading in ("name", "shows", "perturbation sets that are there", "can be made"):
        table.add_column(heading, no_wrap=heading == "name")
    for entry in CATALOGUE:
        there = sum(material.has(name) for name in entry.sets)
        needs = f"{there} of {len(entry.sets)}" + ("" if there == len(entry.sets) else f" of {', '.join(entry.sets)}")
        table.add_row(entry.name, entry.title.split(": ", 1)[1], needs, lacking(entry, material) or "yes")
    console = Console()
    Console(width=max(console.width, 120)).print(table)
    print(f"zoo {material.zoo}: {zoo_in_words(material)}")


def zoo_in_words(material: Material) -> str:
    """How many models it has, or why it cannot be used."""
    if is_own_zoo(material) and not material.zoo.is_dir():
        return "ten models of the embedded digits, trained when a figure is made"
    try:
        zoo = material.models
    except InputError as error:
        return str(error)
    missing = [spec.name for spec in zoo.models if not spec.at_hand()]
    weights = f"; weights of {len(missing)} are still to be downloaded" if missing else ""
    return f"{len(zoo.sources)} source models, {len(zoo.judges)} test models{weights}"


def _steps(word: str) -> tuple[str, int]:
    attack, _, number = word.partition("=")
    if attack not in LENGTH or not number.isdecimal():
        raise ArgumentTypeError(f"{word} is not ATTACK=N with one of {', '.join(LENGTH)}")
    return attack, int(number)
