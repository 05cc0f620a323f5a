"""Zoo files: lists of models."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import yaml

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.zoo.entries import MODEL_FIELDS, EntryReader, fields_of
from lit_adv.zoo.model_spec import ModelSpec

__all__ = ["MODEL_FIELDS", "ZOO_FIELDS", "read_zoo_file"]

ZOO_FIELDS: Final = {"data", "sources", "test", "single", "weights", "mean", "std"}


def read_zoo_file(path: Path, trust: Collection[str] = ()) -> tuple[tuple[ModelSpec, ...], str | None]:
    """Reads a zoo file (docs/reference/files.md).

    Args:
        path: of the file.
        trust: packages and files whose code may run.

    Returns:
        Models, sources first, and the name of the model for SM and NSM, or None where the file gives none.

    Raises:
        InputError: the file, or a weight file that it names, is missing or wrong, or code is not trusted.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"zoo file {path} cannot be read: {error}") from error
    content = fields_of(content, ZOO_FIELDS, ("data",), f"zoo file {path}")
    if not isinstance(content["data"], str) or content["data"] not in DATA_SETS:
        raise InputError(f"zoo file {path}: data is {content['data']!r}; it must be one of {', '.join(DATA_SETS)}")
    reader = EntryReader(
        where=f"zoo file {path}",
        folder=path.parent,
        data=DATA_SETS[content["data"]],
        defaults={key: content[key] for key in ("weights", "mean", "std") if key in content},
        trust=trust,
    )
    models: list[ModelSpec] = []
    for role in ("source", "test"):
        entries = content.get("sources" if role == "source" else role) or []
        if not isinstance(entries, list):
            raise InputError(f"zoo file {path}: {role} models must be a list")
        models += [reader.read(entry, role) for entry in entries]
    if not models:
        raise InputError(f"zoo file {path} lists no model under sources or test")
    if not isinstance(content.get("single"), (str, type(None))):
        raise InputError(f"zoo file {path}: single is {content['single']!r}; it must be the name of a model")
    return tuple(models), content.get("single")
