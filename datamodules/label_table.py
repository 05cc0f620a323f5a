"""CSV files of photographs' labels, as text: which columns there are, and what stands in them."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from datamodules.class_list import read_text
from lit_adv.errors import InputError

FILES: Final = ("filename", "file", "image", "path", "filepath", "imageid")
"""Headings of the column of files, in small letters and without blanks, hyphens and underscores."""
LABELS: Final = ("label", "truelabel", "wnid", "classindex", "class", "classname")
"""Headings of the column of labels, likewise; the first that is there counts."""
TARGETS: Final = ("target", "targetclass", "targetlabel")
"""Headings of the column of target classes, likewise."""
FROM_ONE: Final = "truelabel"
"""Heading of labels that begin at 1: that of the NIPS 2017 competition's table."""


@dataclass(frozen=True)
class LabelRow:
    """One photograph of the table.

    Attributes:
        row: its row in the file, from 1, the header's, on.
        file: as written.
        label: as written.
        target: as written; empty where there is none.
    """

    row: int
    file: str
    label: str
    target: str


@dataclass(frozen=True)
class LabelTable:
    """A table of labels.

    Attributes:
        path: the file.
        label_column: heading of the column that labels are from.
        target_column: heading of the column of target classes; None if there is none, or nothing in it.
        from_one: whether its numbers begin at 1 by definition.
        rows: of the photographs.
    """

    path: Path
    label_column: str
    target_column: str | None
    from_one: bool
    rows: tuple[LabelRow, ...]

    def at(self, row: LabelRow, column: str | None = None) -> str:
        """Says where something stands, for messages."""
        return f"{self.path}, row {row.row}" + (f", {column}" if column else "")


def read_table(path: Path) -> LabelTable:
    """Reads a CSV file with a header; commas, semicolons or tabs separate its columns.

    Raises:
        InputError: it is no such file, lacks a column, or a row lacks a file or label, has too many values, or no
            target where others have.
    """
    text = read_text(path)
    header = next((line for line in text.splitlines() if line.strip()), "")
    comma = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=comma, strict=True)
    try:
        lines = [(reader.line_num, [value.strip() for value in values]) for values in reader if any(values)]
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: {error}; it must be a CSV file") from error
    if not lines:
        raise InputError(f"{path} is empty; it must hold a header, such as filename,label, and a row for each image")
    headings = lines[0][1]
    known = {_plain(name): place for place, name in reversed(list(enumerate(headings)))}
    file, label, target = (
        next((known[name] for name in names if name in known), None) for names in (FILES, LABELS, TARGETS)
    )
    if file is None or label is None:
        lacking, names = ("files", FILES) if file is None else ("labels", LABELS)
        raise InputError(
            f"{path} has no column of {lacking}: its first row is {comma.join(headings)[:80]!r}; "
            f"name the columns there, that of {lacking} one of {', '.join(names)}"
        )
    rows = []
    for number, values in lines[1:]:
        if len(values) > len(headings):
            raise InputError(
                f"{path}, row {number} has {len(values)} values for {len(headings)} columns; "
                "put a value that holds a separator in quotes"
            )
        values += [""] * (len(headings) - len(values))
        row = LabelRow(number, values[file], values[label], "" if target is None else values[target])
        if not row.file or not row.label:
            raise InputError(
                f"{path}, row {number} has no {'label' if row.file else 'file'}; give it one, or delete it"
            )
        rows.append(row)
    if not rows:
        raise InputError(f"{path} has a header and no rows; it must hold one for each image")
    without = [row.row for row in rows if not row.target]
    if target is not None and 0 < len(without) < len(rows):
        raise InputError(f"{path}, row {without[0]} has no {headings[target]}, others have; give all rows one, or none")
    return LabelTable(
        path,
        headings[label],
        None if target is None or without else headings[target],
        _plain(headings[label]) == FROM_ONE,
        tuple(rows),
    )


def _plain(heading: str) -> str:
    return "".join(letter for letter in heading.casefold() if letter not in " _-")
