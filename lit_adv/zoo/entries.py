"""Entries of zoo files: what each says of a model, and where the rest comes from."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from torch import nn

from lit_adv.data_sets import IMAGES, DataSet
from lit_adv.errors import InputError
from lit_adv.files import expanded, sha256
from lit_adv.models.build import build, count, macs, maker_of
from lit_adv.models.own_code import in_own_words, is_own_code, refuse_untrusted, runs_foreign_code
from lit_adv.models.programs import is_program
from lit_adv.models.torchvision_models import PREFIX, versions
from lit_adv.zoo.built import identity
from lit_adv.zoo.folder import read_folder
from lit_adv.zoo.known import Known, known
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.pytorchcv_store import published
from lit_adv.zoo.weights import ENDINGS

FOLDER_FIELDS: Final = {"folder", "name"}
MODEL_FIELDS: Final = {"name", "architecture", "arguments", "size", "weights", "mean", "std", "gmac"}
PRETRAINED: Final = "pretrained"
"""Weights that come along with an architecture: those that its library publishes, or that own code gives."""
BUILT: Final = "built"
"""The same, of own code only."""
SCALE: Final = {"size", "mean", "std"}
NOT_IN_NAMES: Final = str.maketrans(dict.fromkeys('\\/:*?"<>| ', "-"))
"""Signs that file names cannot hold on every system; in a name that an architecture gives a minus stands for them."""


@dataclass(frozen=True, kw_only=True)
class EntryReader:
    """Reads the entries of one zoo.

    Attributes:
        where: the zoo, for messages.
        folder: folder that relative paths start from.
        data: data set of the zoo's images.
        defaults: the zoo's own `weights`, `mean` and `std`, where it has them.
        trust: packages and files whose code the user trusts.
    """

    where: str
    folder: Path
    data: DataSet
    defaults: Mapping[str, Any]
    trust: Collection[str] = ()

    def read_all(self, entry: object, role: Literal["source", "test"]) -> Sequence[ModelSpec]:
        """Reads the models of an entry: one, or, of `folder: PATH`, all those of the role in a zoo folder.

        Args:
            entry: see `read`; or a mapping of `FOLDER_FIELDS`.
            role: of the models.

        Raises:
            InputError: as `read`; or the folder has no such model, or one of another data set.
        """
        if not isinstance(entry, dict) or "folder" not in entry:
            return [self.read(entry, role)]
        fields_of(entry, FOLDER_FIELDS, (), f"{self.where}, a folder")
        folder = self.folder / expanded(str(entry["folder"]))
        if not folder.is_dir():
            raise InputError(f"{self.where}: there is no folder {folder}")
        models = [spec for spec in read_folder(folder, self.trust).values() if spec.role == role]
        if not models:
            raise InputError(f"{self.where}: folder {folder} has no {role} model")
        prefix = f"{entry['name']}-" if "name" in entry else ""
        for spec in models:
            if (spec.image_shape, spec.classes) != (self.data.image_shape, self.data.classes):
                raise InputError(
                    f"{self.where}: {spec.name} of folder {folder} has {spec.classes} classes of images "
                    f"{list(spec.image_shape)}, the file {self.data.classes} of {list(self.data.image_shape)}"
                )
        return [replace(spec, name=prefix + spec.name) for spec in models]

    def read(self, entry: object, role: Literal["source", "test"]) -> ModelSpec:
        """Reads one model; missing fields come from the zoo's own fields, the model's library or the data set.

        Args:
            entry: name of a model, or a mapping of `MODEL_FIELDS`.
            role: the model's.

        Raises:
            InputError: the entry, or a weight file that it names, is missing or wrong, or its code is not trusted.
        """
        entry = {"name": entry} if isinstance(entry, str) else entry
        entry = fields_of(entry, MODEL_FIELDS, ("name",), f"{self.where}, a {role} model")
        name, where = str(entry["name"]), f"{self.where}, model {entry['name']}"
        architecture, arguments = str(entry.get("architecture", name)), entry.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise InputError(f"{where}: arguments must be names with values")
        name = name if "architecture" in entry else name.translate(NOT_IN_NAMES)
        refuse_untrusted(architecture, self.trust, where)
        if is_program(architecture):
            if "weights" in entry or arguments:
                raise InputError(f"{where}: a program's file holds its weights and arguments; leave these fields out")
            kind, _, program = architecture.partition(":")
            architecture = f"{kind}:{self.folder / expanded(program)}"
        model = known(architecture)
        if model is None:
            maker_of(architecture)
        elif not self._suits(model):
            if not arguments:
                data = self.data.name
                raise InputError(f"{where}: {architecture} is a model of {model.data}, the file is of {data}")
            model = None  # of other classes: its size and normalisation are the user's
        file = self._file(entry, architecture, name, where)
        size = self._size(entry, model, where)
        mean, std = self._scale(entry, architecture, model, where)
        gmac = entry.get("gmac")
        if gmac is not None and (not isinstance(gmac, (int, float)) or not 0 < gmac < math.inf):
            raise InputError(f"{where}: gmac is {gmac!r}; it must be a number above 0")
        own = None
        if runs_foreign_code(architecture) and (file is None or gmac is None):
            own = build(architecture, arguments).eval()
        if file is not None:
            checksum = f"sha256:{sha256(file)}"
        else:
            checksum = identity(own) if own is not None else _published(architecture, arguments, model, where)
        channels, height, width = self.data.image_shape
        shape = (channels, size or height, size or width)
        if gmac is not None:
            cost = round(gmac * 1e9)
        else:
            cost = count(architecture, arguments, shape)[1] if own is None else cost_of(own, shape, where)
        return ModelSpec(
            name=name,
            role=role,
            architecture=architecture,
            arguments=arguments,
            classes=self.data.classes,
            image_shape=self.data.image_shape,
            size=size,
            mean=mean,
            std=std,
            macs=cost,
            checksum=checksum,
            weights=file,
            training={},
            library="" if model is None or SCALE & (entry.keys() | self.defaults.keys()) else model.library,
        )

    def _suits(self, model: Known) -> bool:
        """Tells whether a model of a library has the zoo's classes."""
        return model.data == self.data.name or (self.data.name == IMAGES and model.classes == self.data.classes)

    def _file(self, entry: Mapping[str, Any], architecture: str, name: str, where: str) -> Path | None:
        """Finds the weight file; None stands for the weights that come along with the architecture."""
        if is_program(architecture):
            return find_weights(Path(architecture.partition(":")[2]), name, where)
        weights = entry.get("weights", self.defaults.get("weights", PRETRAINED))
        if weights == PRETRAINED or (weights == BUILT and is_own_code(architecture)):
            return None
        if weights == BUILT:
            raise InputError(f"{where}: only own code brings its weights; name a file under weights, or pretrained")
        return find_weights(self.folder / expanded(str(weights)), name, where)

    def _size(self, entry: Mapping[str, Any], model: Known | None, where: str) -> int | None:
        """Returns the side length to which images are resized; None if they are not."""
        _, height, width = self.data.image_shape
        size = entry.get("size", None if model is None else model.size)
        if size is None and "size" not in entry:
            return None
        if not isinstance(size, int) or size < 1:
            raise InputError(f"{where}: size is {size!r}; it must be a whole number of pixels")
        return None if size == height == width else size

    def _scale(
        self, entry: Mapping[str, Any], architecture: str, model: Known | None, where: str
    ) -> tuple[tuple[float, ...], ...]:
        """Returns mean and standard deviation of each channel."""
        channels = self.data.image_shape[0]
        if runs_foreign_code(architecture):  # sees pixels in [0, 1], unless its own entry says otherwise
            defaults: dict[str, Any] = {"mean": (0.0,) * channels, "std": (1.0,) * channels}
        elif model is None:
            defaults = {"mean": self.data.input_mean, "std": self.data.input_std, **self.defaults}
        else:
            defaults = {"mean": model.mean, "std": model.std, **self.defaults}
        mean, std = (_channels(entry.get(key, defaults[key]), channels, f"{where}: {key}") for key in ("mean", "std"))
        if not all(value > 0 for value in std):
            raise InputError(f"{where}: std must be above 0")
        return mean, std


def _published(architecture: str, arguments: Mapping[str, Any], model: Known | None, where: str) -> str:
    """Returns the checksum of the weights that a library publishes.

    Raises:
        InputError: there are none.
    """
    library = "pytorchcv" if model is None else model.library
    if model is None or model.checksum is None or arguments:
        if model is not None and library == "torchvision" and not arguments:
            few = " or ".join(f"{architecture}@{version}" for version in versions(architecture.removeprefix(PREFIX)))
            raise InputError(f"{where}: name the version of its weights, {few}, or a file under weights")
        raise InputError(f"{where}: {library} publishes no weights of it; name a file under weights")
    return model.checksum


def cost_of(network: nn.Module, image_shape: tuple[int, int, int], where: str) -> int:
    """Counts the multiply-accumulates of a network that is there, on one image `(C, H, W)`.

    Raises:
        InputError: it does not take such images.
    """
    try:
        return macs(network, image_shape)
    except Exception as error:
        raise InputError(f"{where}: it does not take images {list(image_shape)}: {in_own_words(error)}") from error


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


def fields_of(content: object, known: set[str], needed: Sequence[str], where: str) -> dict[str, Any]:
    """Returns a mapping of known fields.

    Raises:
        InputError: it is none, has another field, or lacks one that is needed.
    """
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
