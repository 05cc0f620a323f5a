"""Figures and tables by name: chosen, refused, made."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from lit_adv.data_sets import IMAGES
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.entry import Entry
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.sets import described

RHO: Final = "the cosine that is expected with an average over as many other models and copies"


def chosen_entries(names: Sequence[str], inputs: FigureInputs, catalogue: Sequence[Entry] = CATALOGUE) -> list[Entry]:
    """Returns the entries of these names, in the catalogue's order; `all` means every one that can be made.

    Raises:
        InputError: there is none of such a name, or it cannot be made.
    """
    known = {entry.name: entry for entry in catalogue}
    if not names:
        raise InputError("name figures or tables, or all; --list says what there is")
    wanted = set(names) - {"all"}
    for name in sorted(wanted):
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.3)
            raise InputError(
                f"there is no {name!r}; did you mean {', '.join(near) or 'one of those that --list names'}?"
            )
        if reason := lacking(known[name], inputs):
            raise InputError(f"{name}: {reason}")
    if "all" in names:
        for entry in catalogue:
            reason = lacking(entry, inputs)
            if entry.growth and inputs.data.is_large and not all(map(inputs.sets.is_finished, entry.sets)):
                reason = reason or "it takes many times the memory; name it to have it"
            if entry.name not in wanted and reason:
                print(f"left out: {entry.name}, {reason}")
            else:
                wanted.add(entry.name)
    return [entry for entry in catalogue if entry.name in wanted]


def lacking(entry: Entry, inputs: FigureInputs) -> str:
    """Returns the reason why an entry cannot be made; empty if it can."""
    if inputs.data.name not in entry.data:
        return f"it has no meaning on {inputs.data.name}, only on {' and '.join(entry.data)}"
    if entry.masks and inputs.data.object_from == "files":
        if inputs.masks is None:
            return "it needs masks of the images; give --masks FOLDER"
        if not inputs.masks.is_dir():
            return f"there is no folder {inputs.masks} with masks"
    missing = [name for name in entry.sets if not inputs.sets.is_finished(name)]
    if entry.growth and (without := [name for name in entry.sets if inputs.sets.lacks_growth(name)]):
        return f"{inputs.sets.folder(without[0])} was made without --growth; delete it or choose another --out"
    if entry.groups and (without := [name for name in entry.sets if inputs.sets.lacks_groups(name)]):
        return f"{inputs.sets.folder(without[0])} keeps no groups of models; delete it or choose another --out"
    if inputs.sets.data.name == IMAGES and any(name.targeted for name in missing) and not inputs.sets.has_targets():
        return "it needs targets; give -- --data.labels FILE.csv with a column of them, or --data.targets"
    if inputs.sets.data.photographs and (missing or entry.masks) and not inputs.sets.image_folder().is_dir():
        return f"there is no folder {inputs.sets.image_folder()} with photographs; give -- --data.root FOLDER"
    if is_own_zoo(inputs):
        return ""
    try:
        zoo = inputs.judges.zoo
    except InputError as error:
        return str(error)
    if entry.judges and not zoo.judges:
        return f"zoo {inputs.judges.path} has no test model"
    if len(zoo.sources) < 2 and any(name.many_models for name in missing):
        return f"zoo {inputs.judges.path} has a single source model, many are needed"
    return ""


def is_own_zoo(inputs: FigureInputs) -> bool:
    """Whether it is the zoo that `--fast` trains; then it need not be there yet."""
    return inputs.judges.path == inputs.sets.out / "zoo"


def make(entry: Entry, inputs: FigureInputs) -> None:
    """Makes one entry, prints its tables, and says where it is."""
    for name in entry.sets:
        if inputs.sets.is_finished(name) and not inputs.is_loaded(name):
            about = described(name, inputs.perturbations(name))
            words = ", ".join(f"{key} {value}" for key, value in about.items() if key != "set")
            print(f"{inputs.sets.folder(name)} is used as it is: {words}")
    sets = {name: inputs.perturbations(name) for name in entry.sets}
    used = inputs if entry.any_images else inputs.on_shared_images(entry.sets)
    result = entry.make(used, entry.sets)
    if used is not inputs:
        images = len(used.perturbations(entry.sets[0]).label)
        only = f"Only the {images} images that all of these sets have."
        result = replace(result, note=f"{result.note} {only}".lstrip())
    if reliable := [words for one in sets.values() if (words := rho_in_words(one))]:
        result = replace(result, note=f"{result.note} Rho, {RHO}: {'; '.join(reliable)}.".lstrip())
    for table in result.tables:
        table.print()
    folder = inputs.sets.out / "figures" / entry.name
    about = {
        "title": entry.title,
        "published": entry.published,
        "data": inputs.data.name,
        "zoo": str(inputs.judges.path),
        "sets": {str(name): described(name, one) for name, one in sets.items()},
        "sha256": {str(name): one.manifest.sha256 for name, one in sets.items()},
    }
    result.save(folder, about)
    print(f"{entry.title}: {folder}")


def rho_in_words(one: PerturbationSet) -> str:
    """Returns a set's name, ρ and its interval; empty where the set keeps no groups of source models."""
    found = Reliability.known(one)
    if found is None:
        return ""
    interval = "" if found.low is None else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{one.name} {found.rho:.2f}{interval}"
