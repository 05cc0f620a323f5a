"""Zoo files: lists of pytorchcv's models."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.files import expanded, sha256
from lit_adv.models.build import count, maker_of
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.pytorchcv_store import published
from lit_adv.zoo.weights import ENDINGS

ZOO_FIELDS: Final = {"data", "sources", "test", "single", "weights", "mean", "std"}
MODEL_FIELDS: Final = {"name", "architecture", "arguments", "size", "weights", "mean", "std", "gmac"}


def read_zoo_file(path: Path) -> tuple[tuple[ModelSpec, ...], str | None]:
    """Reads a zoo file (docs/reference/files.md).

    Returns:
        Models, sources first, and the name of the model for SM and NSM, or None where the file gives none.

    Raises:
        InputError: the file, or a weight file that it names, is missing or wrong.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"zoo file {path} cannot be read: {error}") from error
    content = _fields(content, ZOO_FIELDS, ("data",), f"zoo file {path}")
    if not isinstance(content["data"], str) or content["data"] not in DATA_SETS:
        raise InputError(f"zoo file {path}: data is {content['data']!r}; it must be one of {', '.join(DATA_SETS)}")
    models: list[ModelSpec] = []
    for role in ("source", "test"):
        entries = content.get("sources" if role == "source" else role) or []
        if not isinstance(entries, list):
            raise InputError(f"zoo file {path}: {role} models must be a list")
        models += [_listed(path, content, role, entry) for entry in entries]
    if not models:
        raise InputError(f"zoo file {path} lists no model under sources or test")
    if not isinstance(content.get("single"), (str, type(None))):
        raise InputError(f"zoo file {path}: single is {content['single']!r}; it must be the name of a model")
    return tuple(models), content.get("single")


def _listed(path: Path, content: Mapping[str, Any], role: Literal["source", "test"], entry: object) -> ModelSpec:
    """Reads one model of a zoo file; missing fields come from the file's own fields or the data set."""
    entry = {"name": entry} if isinstance(entry, str) else entry
    entry = _fields(entry, MODEL_FIELDS, ("name",), f"zoo file {path}, a {role} model")
    name, where = str(entry["name"]), f"zoo file {path}, model {entry['name']}"
    data = DATA_SETS[content["data"]]
    architecture, arguments = str(entry.get("architecture", name)), entry.get("arguments") or {}
    known = published().get(architecture)
    if known is None:
        maker_of(architecture)
    elif known.data != content["data"]:
        raise InputError(f"{where}: {architecture} is a model of {known.data}, the file is of {content['data']}")
    weights = entry.get("weights", content.get("weights", "pretrained"))
    if weights == "pretrained":
        if known is None or known.file_name is None or arguments:
            raise InputError(f"{where}: pytorchcv publishes no weights of it; name a file under weights")
        file, checksum = None, f"sha1:{known.sha1}"
    else:
        file = find_weights(path.parent / expanded(str(weights)), name, where)
        checksum = f"sha256:{sha256(file)}"
    signed = known is not None and known.pixels_from_minus_one
    scale = ((0.5,) * 3, (0.5,) * 3) if signed else (data.input_mean, data.input_std)
    mean, std = (
        _channels(entry.get(key, content.get(key, default)), len(data.mean), f"{where}: {key}")
        for key, default in zip(("mean", "std"), scale, strict=True)
    )
    if not all(value > 0 for value in std):
        raise InputError(f"{where}: std must be above 0")
    channels, side = data.image_shape[0], data.image_shape[1]
    size = entry.get("size", side if known is None else known.size)
    if not isinstance(size, int) or size < 1:
        raise InputError(f"{where}: size is {size!r}; it must be a whole number of pixels")
    if not isinstance(arguments, dict):
        raise InputError(f"{where}: arguments must be names with values")
    cost = entry.get("gmac")
    if cost is None:
        cost = count(architecture, arguments, (channels, size, size))[1] / 1e9
    if not isinstance(cost, (int, float)) or not 0 < cost < math.inf:
        raise InputError(f"{where}: gmac is {cost!r}; it must be a number above 0")
    return ModelSpec(
        name=name,
        role=role,
        architecture=architecture,
        arguments=arguments,
        classes=data.classes,
        image_shape=data.image_shape,
        size=None if size == side else size,
        mean=mean,
        std=std,
        macs=round(cost * 1e9),
        checksum=checksum,
        weights=file,
        training={},
    )


def find_weights(place: Path, name: str, where: str) -> Path:
    """Finds the weight file of a model.

    Args:
        place: the file, or a folder with a file named after the model or as in pytorchcv's store.
        name: name of the model.
        where: start of an error's message.

    Raises:
        InputError: there is no such file.
    """
    if place.is_dir():
        names = [f"{name}{ending}" for ending in ENDINGS]
        if name in published() and (stored := published()[name].file_name) is not None:
            names.append(stored)
        for candidate in names:
            if (place / candidate).is_file():
                return place / candidate
        raise InputError(f"{where}: folder {place} has none of {', '.join(names)}")
    if not place.is_file():
        raise InputError(f"{where}: no weight file {place}")
    return place


def _fields(content: object, known: set[str], needed: Sequence[str], where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected names with values, found {type(content).__name__}")
    if unknown := [key for key in content if key not in known]:
        raise InputError(f"{where}: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")
    if missing := [key for key in needed if key not in content]:
        raise InputError(f"{where}: the field {missing[0]} is missing")
    return content


def _channels(values: object, count: int, where: str) -> tuple[float, ...]:
    if (
        not isinstance(values, (list, tuple))
        or len(values) != count
        or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values)
    ):
        raise InputError(f"{where} is {values!r}; it must be {count} numbers, one for each channel")
    return tuple(float(v) for v in values)
