"""Packaged configurations, by name.

`<data>-<setting>-<attack>` is put together from four files, the later ones overriding the earlier: `predict.yaml`,
`<data>.yaml`, `<data>-<attack>.yaml` (the thesis's parameters and noise), `<setting>.yaml`. `<data>-test` is one file.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Final

from lit_adv.errors import InputError

FOLDER: Final = Path(__file__).parent
DATA: Final = ("mnist",)
SETTINGS: Final = ("sm", "nsm", "mm", "nmm")
ATTACKS: Final = ("bim", "gradient")


def packaged() -> dict[str, list[Path]]:
    """Every name and the files that it stands for, in order."""
    names = {
        f"{data}-{setting}-{attack}": ["predict", data, f"{data}-{attack}", setting]
        for data, setting, attack in product(DATA, SETTINGS, ATTACKS)
    } | {f"{data}-test": [f"{data}-test"] for data in DATA}
    return {name: [FOLDER / f"{stem}.yaml" for stem in stems] for name, stems in names.items()}


def expand(words: Sequence[str]) -> list[str]:
    """Replaces packaged names after `--config` by the files they stand for.

    Raises:
        InputError: the word is neither a packaged name nor a file.
    """
    expanded: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in ("--config", "-c"):
            name = next(rest, "")
        elif word.startswith("--config="):
            name = word.removeprefix("--config=")
        else:
            expanded.append(word)
            continue
        for path in files_of(name):
            expanded += ["--config", str(path)]
    return expanded


def files_of(name: str) -> list[Path]:
    """The files that a configuration's name, or path, stands for.

    Raises:
        InputError: it is neither.
    """
    names = packaged()
    if name in names:
        return names[name]
    if Path(name).is_file():
        return [Path(name)]
    near = get_close_matches(name, names, n=3, cutoff=0.4) or sorted(names)
    raise InputError(f"configuration {name!r} is neither a packaged name nor a file; did you mean {', '.join(near)}?")
