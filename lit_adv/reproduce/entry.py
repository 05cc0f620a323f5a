"""One figure or table: what it is made from, and by whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lit_adv.data_sets import DATA_SETS, IMAGES
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.result import FigureResult
from lit_adv.reproduce.set_name import SetName


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One figure or table.

    Attributes:
        name: on the command line.
        title: its number and subject.
        published: the thesis's result, in words and numbers.
        sets: names of the perturbation sets that it is made from.
        make: makes it from inputs and these names.
        masks: whether it needs masks of the objects.
        judges: whether it needs test models.
        growth: whether it needs sets that were made with `--growth`.
        groups: whether it needs sets that keep sums of groups of source models.
        any_images: whether its sets may be of different images; else it is made of the images that they share.
        own_attacks: whether it is about its attacks, and so means nothing with others.
    """

    name: str
    title: str
    published: str
    sets: tuple[SetName, ...]
    make: Callable[[FigureInputs, Sequence[SetName]], FigureResult]
    masks: bool = False
    judges: bool = True
    growth: bool = False
    groups: bool = False
    any_images: bool = False
    own_attacks: bool = False

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the data sets for which it has a meaning: with `masks`, those whose objects are known."""
        return (*(name for name, data in DATA_SETS.items() if data.object_from or not self.masks), IMAGES)

    def with_attacks(self, attacks: Sequence[str]) -> "Entry":
        """Returns the entry made with other attacks, the first of them where it has one; itself where none is given."""
        if not attacks or self.own_attacks:
            return self
        several = len({name.attack for name in self.sets}) > 1
        without = dict.fromkeys(replace(name, attack="") for name in self.sets)
        used = attacks if several else attacks[:1]
        return replace(self, sets=tuple(replace(name, attack=attack) for name in without for attack in used))
