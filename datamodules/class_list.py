"""Classes of own images: those of ImageNet or the user's, and the number that a word means."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, Self

from lit_adv.data_sets import imagenet_names
from lit_adv.errors import InputError
from lit_adv.imagenet import classes_named, imagenet_wnids, plain

WNID: Final = re.compile(r"n\d{8}")
NUMBER: Final = re.compile(r"[-+]?\d+(\.\d*)?")
SHOWN: Final = 5
"""Most names that a message lists."""


@dataclass(frozen=True)
class ClassList:
    """The classes that the models' outputs stand for.

    Attributes:
        names: by class number.
        is_imagenet: whether they are ImageNet's 1000.
        first: number by which the user calls the first class, 0 or 1.
    """

    names: tuple[str, ...]
    is_imagenet: bool
    first: int = 0

    @classmethod
    def imagenet(cls, first: int = 0) -> Self:
        """Returns ImageNet's 1000 classes."""
        return cls(imagenet_names(), is_imagenet=True, first=first)

    @classmethod
    def read(cls, path: Path, first: int = 0) -> Self:
        """Reads names from a file, one a line, in the order of the models' outputs.

        Raises:
            InputError: it cannot be read, a name is there twice, or there are fewer than two.
        """
        names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        if doubled := [name for place, name in enumerate(names) if name in names[:place]]:
            raise InputError(f"{path} names the class {doubled[0]!r} twice; give each class a name of its own")
        if len(names) < 2:
            raise InputError(f"{path} names {len(names)} classes; name two or more, one a line")
        return cls(tuple(names), is_imagenet=False, first=first)

    @classmethod
    def found(cls, words: Collection[str], what: str, first: int = 0) -> Self:
        """Returns classes of these names, numbered in sorted order.

        Args:
            words: the names.
            what: what they are, for messages.
            first: number by which the user calls the first class.

        Raises:
            InputError: there are fewer than two.
        """
        if len(words) < 2:
            raise InputError(f"{what} are of one class only, {few(list(words))}; models tell two or more apart")
        return cls(tuple(sorted(words)), is_imagenet=False, first=first)

    @property
    def record(self) -> Literal["imagenet"] | list[str]:
        """The classes as a manifest names them."""
        return "imagenet" if self.is_imagenet else list(self.names)

    def number(self, word: str | int, where: str) -> int:
        """Returns the number of the class that a word means: a wnid, a name, or a number where no name is one.

        Args:
            word: as the user wrote it; numbers begin at `first`.
            where: start of a message, such as `classes`.

        Raises:
            InputError: it means none, or more than one.
        """
        text = str(word).strip()
        found = self._named(text)
        if len(found) == 1:
            return found[0]
        if found:
            both = " or ".join(f"{imagenet_wnids()[n]} ({n + self.first}, {self.names[n]})" for n in found)
            raise InputError(f"{where}: {text!r} is the name of two of ImageNet's classes; give a wnid, {both}")
        if NUMBER.fullmatch(text) and not any(map(NUMBER.fullmatch, self.names)):
            return self._numbered(text, where)
        near = get_close_matches(plain(text), map(plain, self.names), n=3, cutoff=0.6)
        hint = f"did you mean {', '.join(near)}?" if near else f"give a name{', a wnid' * self.is_imagenet} or a number"
        of = "ImageNet's classes" if self.is_imagenet else f"the classes {few(self.names)}"
        raise InputError(f"{where}: {text!r} is none of {of}; {hint}")

    def _named(self, text: str) -> tuple[int, ...]:
        if self.is_imagenet:
            return (self._wnids[text],) if text in self._wnids else classes_named(text)
        if text in self.names:
            return (self.names.index(text),)
        return tuple(number for number, name in enumerate(self.names) if plain(name) == plain(text))[:1]

    def _numbered(self, text: str, where: str) -> int:
        last = self.first + len(self.names) - 1
        number = float(text)
        if number.is_integer() and self.first <= number <= last:
            return int(number) - self.first
        hint = "correct it"
        if number == last + 1 and not self.first:
            hint = "if the numbers begin at 1, give --data.first_label 1"
        if number == 0 and self.first:
            hint = "if the numbers begin at 0, give --data.first_label 0"
        raise InputError(f"{where}: class {text} is out of range; classes are {self.first} to {last}; {hint}")

    @cached_property
    def _wnids(self) -> dict[str, int]:
        return {wnid: number for number, wnid in enumerate(imagenet_wnids())}


def are_imagenets(words: Collection[str], what: str) -> tuple[bool, str]:
    """Tells whether words, as a user wrote them, name ImageNet's classes, and of which kind they are.

    Args:
        words: one or more names of folders, or labels.
        what: what they are, for messages.

    Returns:
        Whether they do, and `wnids`, `numbers` or `names`.

    Raises:
        InputError: they are of several kinds.
    """
    kinds: dict[str, list[str]] = {}
    for word in words:
        kinds.setdefault(_kind(word), []).append(word)
    if len(kinds) > 1:
        each = " and ".join(f"{kind} ({few(those)})" for kind, those in kinds.items())
        raise InputError(f"{what} are mixed: {each}; name all alike, or say which classes with --data.class_list")
    [kind] = kinds
    return kind != "own names", kind.replace("ImageNet's ", "").replace("own ", "")


def _kind(word: str) -> str:
    if WNID.fullmatch(word):
        return "wnids"
    if NUMBER.fullmatch(word):
        return "numbers"
    return "ImageNet's names" if classes_named(word) else "own names"


def few(names: Sequence[str]) -> str:
    """Lists the first names."""
    return ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")


def read_text(path: Path) -> str:
    """Reads a text file in UTF-8, without the byte order mark that some programs put before it.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
