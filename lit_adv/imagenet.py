"""ImageNet's 1000 classes: their wnids, and the class that a name means."""

import csv
from functools import cache
from pathlib import Path
from typing import Final

from lit_adv.data_sets import imagenet_names

WNID_LIST: Final = Path(__file__).parent / "imagenet_wnids.csv"
"""The 1000 wnids, in the order of the classes."""
AMBIGUOUS: Final = {"cardigan": (264, 474), "crane": (134, 517), "maillot": (638, 639)}
"""Names that lists in use give two classes, and these; `cardigan` is a dog and a garment."""


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The wnids of the 1000 classes, in their order."""
    with WNID_LIST.open(newline="", encoding="utf-8") as file:
        return tuple(row["wnid"] for row in csv.DictReader(file))


def plain(name: str) -> str:
    """Returns a class name as names are compared: in small letters, blanks for underscores.

    >>> plain("Great_White  Shark")
    'great white shark'
    """
    return " ".join(name.replace("_", " ").split()).casefold()


def classes_named(name: str) -> tuple[int, ...]:
    """Returns the classes that a name may mean: one, two where it is `AMBIGUOUS`, or none.

    Args:
        name: torchvision's or the thesis's; of several with commas between, the first that is known alone counts.
    """
    for one in (plain(name), plain(name.partition(",")[0])):
        if one in AMBIGUOUS:
            return AMBIGUOUS[one]
        if one in _numbers():
            return (_numbers()[one],)
    return ()


@cache
def _numbers() -> dict[str, int]:
    return {plain(name): number for number, name in enumerate(imagenet_names())}
