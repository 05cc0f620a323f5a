"""Errors of options in words of their own: the wrong name, and near ones; the wrong value, and what it must be."""

import inspect
import re
from argparse import ArgumentParser
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from typing import Final

KINDS: Final = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "str": "text", "list": "a list",
    "Sequence": "a list, such as '[a, b]'", "dict": "names with values, such as '{a: b}'",
}  # fmt: skip
MOST_NAMES: Final = 12
"""Most names that an error lists where none is near."""


def clear(error: str, parser: ArgumentParser) -> str:
    """Rewrites an error of argparse or jsonargparse; one that is not known stays as it is.

    Args:
        error: the error's words.
        parser: the parser that raised it, whose options are the known ones.
    """
    error = " ".join(error.split())
    option = ".".join(re.findall(r'Parser key "([\w.]+)"', error))
    if unknown := re.search(r"unrecognized arguments: (\S+)", error):
        return no_option(unknown[1].partition("=")[0], _options(parser))
    if unknown := re.search(r"does not accept option '([\w.]+)'", error):
        return no_option(f"--{unknown[1]}", _options(parser))
    if refused := re.findall(r"class_path '([\w.]+)': Option '([\w.]+)' is not accepted", error):
        path, name = refused[-1]
        return no_option(f"--{option}.{name}", [f"--{option}.{known}" for known in _parameters(path)])
    if inner := re.search(r"class_path '[\w.]+': --([\w.]+ is .+?; it must be .+?)(?= - Expected a |$)", error):
        return f"--{option}.{inner[1]}"  # in the words of the parser of a class's options
    if path := re.search(r"Expected a dot import path string: (\S+)", error):
        return f"--{option}: there is no class {path[1]}; give its name, such as --model.attack BIM, or its full path"
    if values := re.findall(r"Expected a ((?:(?!Expected a ).)+?)\. Got value: (.*?)(?: - Expected a |$)", error):
        kind, value = values[-1]
        return f"--{option} is {value!r}; it must be {_kind(kind)}"
    kinds, _, given = error.rpartition("Errors: ")[2].partition(" Given value type: ")
    if value := re.search(r"Given value: (.*?)(?: - Expected a |$)", given):
        wanted = [_kind(kind) for kind in re.findall(r"- Expected a (.+?)(?= - |$)", kinds)]
        if option and wanted:
            return f"--{option} is {value[1]!r}; it must be {' or '.join(filter(None, wanted))}"
    return error


def no_option(name: str, known: Iterable[str]) -> str:
    """Says that there is no such option, and which are near, or else which there are."""
    known = sorted(known)
    if near := get_close_matches(name, known, n=3, cutoff=0.7):
        return f"there is no option {name}; did you mean {' or '.join(near)}?"
    few = ", ".join(known[:MOST_NAMES]) + (" …" if len(known) > MOST_NAMES else "")
    return f"there is no option {name}; there are {few}"


def _options(parser: ArgumentParser) -> set[str]:
    """Returns the options of a parser and of its subcommands."""
    found: set[str] = set()
    for action in parser._actions:  # noqa: SLF001  # no public list
        found |= {name for name in action.option_strings if name.startswith("--") and name[-1] != "+"}
        if isinstance(action.choices, dict):
            found |= {name for sub in action.choices.values() for name in _options(sub)}
    return found


def _parameters(path: str) -> list[str]:
    module, _, name = path.rpartition(".")
    return [known for known in inspect.signature(getattr(import_module(module), name)).parameters if known != "self"]


def _kind(kind: str) -> str:
    if name := re.fullmatch(r"<class '(?:[\w.]+\.)?(\w+)'>", kind):
        return KINDS.get(name[1], "" if name[1] == "NoneType" else name[1])
    if choices := re.search(r"Literal\[(.*)\]", kind):
        return choices[1].replace(", ", " or ")
    return kind
