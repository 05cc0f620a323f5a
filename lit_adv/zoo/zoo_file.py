"""Zoo files: lists of models."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from lit_adv.data_sets import DATA_SETS, IMAGES, DataSet, own_images
from lit_adv.errors import InputError
from lit_adv.zoo.entries import EntryReader, fields_of
from lit_adv.zoo.model_spec import ModelSpec

ZOO_FIELDS: Final = {"data", "classes", "image_shape", "sources", "test", "single", "weights", "mean", "std"}


def read_zoo_file(path: Path, trust: Collection[str] = ()) -> tuple[tuple[ModelSpec, ...], str | None, EntryReader]:
    """Reads a zoo file (docs/reference/files.md).

    Args:
        path: of the file.
        trust: packages and files whose code may run.

    Returns:
        Models, sources first; the name of the model for SM and NSM, or None where the file gives none; and what reads
        further entries as the file's own.

    Raises:
        InputError: the file, or a weight file that it names, is missing or wrong, or code is not trusted.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"zoo file {path} cannot be read: {error}") from error
    content = fields_of(content, ZOO_FIELDS, ("data",), f"zoo file {path}")
    data = _data_set(content, f"zoo file {path}")
    reader = EntryReader(
        where=f"zoo file {path}",
        folder=path.parent,
        data=data,
        defaults={key: content[key] for key in ("weights", "mean", "std") if key in content},
        trust=trust,
    )
    models: list[ModelSpec] = []
    for role in ("source", "test"):
        entries = content.get("sources" if role == "source" else role) or []
        if not isinstance(entries, list):
            raise InputError(f"zoo file {path}: {role} models must be a list")
        models += [spec for entry in entries for spec in reader.read_all(entry, role)]
    if not models:
        raise InputError(f"zoo file {path} lists no model under sources or test")
    if not isinstance(content.get("single"), (str, type(None))):
        raise InputError(f"zoo file {path}: single is {content['single']!r}; it must be the name of a model")
    return tuple(models), content.get("single"), reader


def numbered_classes(image_shape: Sequence[int], classes: int) -> DataSet:
    """Returns a data set of own images with numbers for classes, whose networks see pixels in [0, 1]."""
    channels = image_shape[0]
    return own_images(image_shape, tuple(map(str, range(classes))), (0.0,) * channels, (1.0,) * channels)


def _data_set(content: Mapping[str, Any], where: str) -> DataSet:
    """Returns the data set that a zoo file names, or describes.

    Raises:
        InputError: it is unknown, or lacks number of classes or shape of the images.
    """
    name, fields = content["data"], ("classes", "image_shape")
    if name != IMAGES:
        if not isinstance(name, str) or name not in DATA_SETS:
            raise InputError(f"{where}: data is {name!r}; it must be one of {', '.join((*DATA_SETS, IMAGES))}")
        if given := [key for key in fields if key in content]:
            raise InputError(f"{where}: {given[0]} is for data: images; of {name} it is known")
        return DATA_SETS[name]
    classes, shape = (content.get(key) for key in fields)
    if not isinstance(classes, int) or classes < 2:
        raise InputError(f"{where}: classes is {classes!r}; with data: images it must be their number, 2 or more")
    if not isinstance(shape, list) or len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise InputError(f"{where}: image_shape is {shape!r}; with data: images it must be [channels, height, width]")
    return numbered_classes(shape, classes)
