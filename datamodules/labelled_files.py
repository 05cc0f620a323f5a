"""Photographs with labels: from class folders, or from the rows of a CSV file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from datamodules.class_list import NUMBER, ClassList, are_imagenets, few
from datamodules.label_table import LabelRow, LabelTable, read_table
from datamodules.photographs import NUMBERS_PER_CLASS, pictures_in
from lit_adv.errors import InputError

ENDINGS: Final = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif")
"""Endings of picture files; in a CSV file they may be left out."""
OWN: Final = "own"
"""Kind of words that are the classes' own names."""
Classes = Literal["imagenet", "folders"] | Path | None
"""Which classes there are: ImageNet's, those that are found, those of a file; None if that is to be found out."""


@dataclass(frozen=True)
class Photograph:
    """One labelled picture.

    Attributes:
        file: path below the folder of the images, with `/` between its parts.
        index: its number in the data set, whatever else is selected.
        target: class that a targeted attack aims at; None where there is none.
    """

    file: str
    index: int
    target: int | None = None


@dataclass(frozen=True)
class ClassFolders:
    """A folder for each class.

    Attributes:
        root: folder of the folders.
        classes: all classes.
        folders: folder's name by class number.
        remark: what the names were taken for, a line for the user.
    """

    root: Path
    classes: ClassList
    folders: Mapping[int, str]
    remark: str

    @classmethod
    def open(cls, root: Path, wanted: Classes, first: int) -> "ClassFolders":
        """Reads the folders' names.

        Args:
            root: folder of the folders.
            wanted: which classes there are.
            first: number by which the user calls the first class.

        Raises:
            InputError: there is no folder, or one whose name means no class, or that of another folder.
        """
        names = sorted(path.name for path in entries(root) if path.is_dir() and path.name[0] != ".")
        if not names:
            tables = [path.name for path in entries(root) if path.suffix.lower() == ".csv"]
            table = f"{root / tables[0]}" if tables else "FILE.csv"
            raise InputError(
                f"{root} holds no folders of classes; put the images of each class into a folder with its name, "
                f"or give their labels with --data.labels {table}"
            )
        what = f"{len(names)} class folders in {root}"
        classes, kind = class_list_of(names, what, wanted, first)
        if kind == OWN:
            return cls(root, classes, dict(enumerate(classes.names)), described(what, classes, kind))
        folders: dict[int, str] = {}
        for name in names:
            number = classes.number(name, f"folder {root / name}")
            if number in folders:
                raise InputError(
                    f"folders {folders[number]} and {name} in {root} are of one class, {classes.names[number]}; "
                    "put their images together"
                )
            folders[number] = name
        return cls(root, classes, folders, described(what, classes, kind))

    @property
    def there(self) -> Sequence[int]:
        """Numbers of the classes that have a folder, in their order."""
        return sorted(self.folders)

    def of(self, number: int) -> list[Photograph]:
        """Returns the photographs of a class, in sorted order; none if it has no folder."""
        if number not in self.folders:
            return []
        paths = pictures_in(self.root / self.folders[number], ENDINGS)
        if len(paths) > NUMBERS_PER_CLASS:
            raise InputError(f"{paths[0].parent} has {len(paths)} images; a class may have {NUMBERS_PER_CLASS}")
        first = number * NUMBERS_PER_CLASS
        return [Photograph(f"{path.parent.name}/{path.name}", first + place) for place, path in enumerate(paths)]


@dataclass(frozen=True)
class LabelledFiles:
    """The rows of a CSV file.

    Attributes:
        root: folder of the images.
        classes: all classes.
        photographs: by class number, in the order of the rows.
        remark: what the labels were taken for, a line for the user.
        has_targets: whether the file has target classes.
    """

    root: Path
    classes: ClassList
    photographs: Mapping[int, Sequence[Photograph]]
    remark: str
    has_targets: bool

    @classmethod
    def open(cls, root: Path, path: Path, wanted: Classes, first: int | None, targets: bool) -> "LabelledFiles":
        """Reads the file, and looks for its images.

        Args:
            root: folder of the images.
            path: the CSV file.
            wanted: which classes there are.
            first: number by which the file calls the first class; None for 1 in the NIPS 2017 table, else 0.
            targets: whether target classes are read.

        Raises:
            InputError: a row's label, or target, is no class or both are the same, or its file is missing or that of
                another row.
        """
        entries(root)
        table = read_table(path)
        if first is None:
            first = int(table.from_one)
        what = f"labels of {path}, column {table.label_column},"
        words = list(dict.fromkeys(row.label for row in table.rows))
        if wanted == "folders" and all(map(NUMBER.fullmatch, words)):
            raise InputError(
                f"{what} are numbers; name all classes, in the order of the models' outputs, in a file for "
                "--data.class_list"
            )
        classes, kind = class_list_of(words, what, wanted, first)
        rows: dict[str, LabelRow] = {}
        found: dict[int, list[Photograph]] = {}
        for place, row in enumerate(table.rows):
            file = find(root, table, row)
            if file in rows:
                raise InputError(f"{path}, rows {rows[file].row} and {row.row} are of one file, {file}; delete one")
            rows[file] = row
            label = classes.number(row.label, table.at(row, table.label_column))
            target = None
            if targets and table.target_column is not None:
                target = classes.number(row.target, table.at(row, table.target_column))
                if target == label:
                    raise InputError(f"{table.at(row)}: the target is the label, {row.target}; give another class")
            found.setdefault(label, []).append(Photograph(file, place, target))
        remark = described(what, classes, kind) + ", as in the NIPS 2017 table" * (table.from_one and first == 1)
        if table.target_column is not None and not targets:
            remark += f"; column {table.target_column} is left alone (--data.targets column attacks towards it)"
        return cls(root, classes, found, remark, table.target_column is not None)

    @property
    def there(self) -> Sequence[int]:
        """Numbers of the classes that have a row, in their order."""
        return sorted(self.photographs)

    def of(self, number: int) -> list[Photograph]:
        """Returns the photographs of a class, in the order of the rows."""
        return list(self.photographs.get(number, ()))


def class_list_of(words: Sequence[str], what: str, wanted: Classes, first: int) -> tuple[ClassList, str]:
    """Returns the classes that folders' names or labels are of, and the kind of these words."""
    if wanted == "folders":
        return ClassList.found(words, what, first), OWN
    if isinstance(wanted, Path):
        return ClassList.read(wanted, first), f"classes of {wanted}"
    if wanted == "imagenet":
        return ClassList.imagenet(first), ""
    imagenet, kind = are_imagenets(words, what)
    if imagenet:
        return ClassList.imagenet(first), kind
    return ClassList.found(words, what, first), OWN


def described(what: str, classes: ClassList, kind: str) -> str:
    """Returns in words what folders' names or labels were taken for."""
    if classes.is_imagenet:
        begin = f" from {classes.first} on" if kind == "numbers" else ""
        taken = f"taken for {kind} of" if kind else "of"
        return f"{what} are {taken} ImageNet's 1000 classes{begin}"
    if kind == OWN:
        numbered = [f"{number} {name}" for number, name in enumerate(classes.names, classes.first)]
        return f"{what} are own classes, numbered in sorted order: {few(numbered)}"
    return f"{what} are of the {len(classes.names)} {kind}"


def find(root: Path, table: LabelTable, row: LabelRow) -> str:
    """Returns a row's file, its ending added where the row leaves it out.

    Raises:
        InputError: it is missing, outside `root`, or there are several.
    """
    path = PurePosixPath(row.file)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{table.at(row)}: {row.file} is not below {root}; give the path from there on")
    if (root / path).is_file():
        return str(path)
    there = [f"{path}{ending}" for ending in ENDINGS if (root / f"{path}{ending}").is_file()]
    if len(there) > 1:
        raise InputError(f"{table.at(row)}: {row.file} may be {' or '.join(there)}; add the ending")
    if not there:
        raise InputError(f"{table.at(row)}: there is no file {root / path}; put it there, or delete the row")
    return there[0]


def entries(root: Path) -> list[Path]:
    """Returns what a folder of images holds.

    Raises:
        InputError: it is no folder, or cannot be read.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; --data.root must be the folder of the images")
    try:
        return sorted(root.iterdir())
    except OSError as error:
        raise InputError(f"cannot read the folder {root}: {error.strerror}") from error
