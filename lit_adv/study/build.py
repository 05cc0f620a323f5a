"""The page that asks people what they see in perturbations, and the key with the right answers."""

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lit_adv.errors import InputError
from lit_adv.files import atomic_path
from lit_adv.html import page as html_page
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import as_bytes, as_shown
from lit_adv.study.design import KEY, Study, Trial, deal, draw_choices
from lit_adv.study.jspsych import LIBRARIES, read_libraries, write_libraries

KEYS: Final = "1234567890abcdefghijklmnopqrstuvwxyz"
"""Keys of the answers, in order; classes with names of one character have these as keys."""
SMALL: Final = 64
ENLARGED: Final = 384
"""Side in pixels to which pictures of at most `SMALL` pixels are enlarged at most, by a whole factor."""


def build(
    folder: Path,
    out: Path,
    *,
    group_size: int = 50,
    choices: int | None = None,
    seed: int = 0,
    title: str = "What do you see?",
    offline: Path | None = None,
) -> Study:
    """Writes `page/`, to be published, and `key.json`, to be kept.

    The key is written first, `page/index.html` last. The page holds neither labels nor positions; its pictures have
    shuffled names.

    Args:
        folder: a perturbation set.
        out: where to.
        group_size: most images of a group; the groups are as equal as can be.
        choices: answers offered for each picture; None for all classes of the set.
        seed: of groups, choices and names; these also depend on the set's content.
        title: of the page.
        offline: a `node_modules` folder with jsPsych, to be copied into the page; None for links to the CDN.

    Returns:
        The study, as the key has it.

    Raises:
        InputError: the set is missing or has a single class, a number is out of range, jsPsych is not in `offline`, or
            `out` holds another study.
    """
    loaded = PerturbationSet.load(folder)
    study = design(loaded, group_size, choices, seed)
    libraries = {} if offline is None else read_libraries(offline)
    key, page = out / KEY, out / "page"
    if key.exists() and Study.load(key).id != study.id:
        raise InputError(f"{out} holds another study, of other pictures, groups or choices; choose another folder")
    if page.exists() and not key.exists():
        raise InputError(f"{page} is not a page of a study, for there is no {key}; choose another folder")
    study.save(key)
    pictures = as_pictures(loaded)
    for name, trial in study.trials.items():
        with atomic_path(page / "images" / name) as temporary:
            Image.fromarray(pictures[trial.position]).save(temporary, "png")
    write_libraries(libraries, page)
    side = loaded.image.shape[-1]
    html = html_page(
        "lit_adv.study",
        "index.html",
        title=title,
        study=definition(study),
        libraries=LIBRARIES,
        offline=offline is not None,
        side=ENLARGED // side * side if side <= SMALL else side,
        enlarged=side <= SMALL,
    )
    script = (files("lit_adv.study") / "templates" / "study.js").read_text(encoding="utf-8")
    for name, text in {"study.js": script, "index.html": html}.items():
        with atomic_path(page / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return study


def design(loaded: PerturbationSet, group_size: int, choices: int | None, seed: int) -> Study:
    """Returns groups, choices and names of a set's pictures; arguments and errors as in `build`."""
    right = loaded.wanted.tolist()
    answers = loaded.classes.tolist()
    data = loaded.data_set
    names = data.class_names()
    offered = len(answers) if choices is None else choices
    if len(answers) < 2:
        raise InputError("the set has a single class; make one of several, to have something to choose among")
    if not 2 <= offered <= len(answers):
        raise InputError(f"{offered} choices of a set of {len(answers)} classes: give --choices 2 to {len(answers)}")
    if offered > len(KEYS):
        raise InputError(f"{offered} choices are more than the keyboard's {len(KEYS)} keys; give --choices")
    if group_size < 1 or seed < 0:
        raise InputError(f"group size {group_size} and seed {seed}: give at least 1 and 0")
    generator = np.random.default_rng([seed, int(loaded.manifest.sha256, 16)])
    group = deal(right, group_size, generator)
    choice = draw_choices(right, answers, offered, generator)
    trials = {
        f"{number:04}.png": Trial(
            position, group[position] + 1, names[right[position]], tuple(names[c] for c in choice[position])
        )
        for number, position in enumerate(generator.permutation(len(right)).tolist())
    }
    described = {
        "name": loaded.name,
        "data": data.name,
        "sha256": loaded.manifest.sha256,
        "targeted": loaded.target is not None,
    }
    return Study(perturbations=described, seed=seed, classes=tuple(names[c] for c in answers), trials=trials)


def definition(study: Study) -> dict[str, Any]:
    """Returns the page's data: classes, keys, pictures of each group, and choices where they are few."""
    place = {name: number for number, name in enumerate(study.classes)}
    own_keys = all(len(name) == 1 for name in study.classes)
    return {
        "id": study.id,
        "classes": study.classes,
        "keys": "".join(study.classes) if own_keys else KEYS,
        "ownKeys": own_keys,
        "groups": study.groups,
        "choices": {
            name: [place[choice] for choice in trial.choices]
            for name, trial in study.trials.items()
            if len(trial.choices) < len(study.classes)
        },
    }


def as_pictures(loaded: PerturbationSet) -> list[NDArray[np.uint8]]:
    """Returns the perturbations as the thesis shows them, `[H, W]` or `[H, W, 3]` uint8 each."""
    data = loaded.data_set
    shown = as_shown(loaded.perturbation, data.mean, data.std, targeted=loaded.target is not None)
    return [picture[..., 0] if picture.shape[-1] == 1 else picture for picture in as_bytes(shown)]
