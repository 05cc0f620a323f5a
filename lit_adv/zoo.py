"""The source zoo: an ordered list of trained models, loaded one at a time.

A zoo is a folder of models that this project trained, or a file that lists models of pytorchcv. A folder holds
`NAME.safetensors` and `NAME.json` for each model; the second is written last, so a model without it is not finished.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from safetensors.torch import save_file
from torch import nn

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.files import atomic_path, read_json, sha256, write_json
from lit_adv.models.build import build, check_fit, count, macs, maker_of, prepare
from lit_adv.store import fetch, published
from lit_adv.weights import ENDINGS, put_weights, read_weights

ZOOS: Final = Path(__file__).parent / "zoos"
"""The packaged zoo files."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model of a zoo.

    Attributes:
        name: in the zoo.
        role: `source` models give perturbations; `test` models judge them.
        architecture: see `lit_adv.models.build.build`.
        arguments: likewise.
        classes: K, the number of logits.
        image_shape: `(C, H, W)` of the images it is given.
        size: side length to which these are resized for the network; None where it takes them as they are.
        mean: taken off the pixels; one for each channel.
        std: what the rest is divided by; likewise.
        macs: multiply-accumulates of one forward pass on one image.
        checksum: of the weight file, `sha256:…` or `sha1:…`.
        weights: the weight file; None stands for pytorchcv's store.
        training: how this project trained it: seed, accuracy, data and recipe; empty for other models.
    """

    name: str
    role: Literal["source", "test"]
    architecture: str
    arguments: Mapping[str, Any]
    classes: int
    image_shape: tuple[int, int, int]
    size: int | None = None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    macs: int
    checksum: str
    weights: Path | None
    training: Mapping[str, Any]

    def build(self) -> nn.Module:
        """The network alone, with random weights; it takes pixels after normalisation and resizing.

        Raises:
            InputError: there is no such architecture.
        """
        return build(self.architecture, self.arguments)

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network with what stands between pixels and it: `[B, C, H, W]` in [0, 1] to logits `[B, K]`."""
        return prepare(network, self.mean, self.std, self.size)

    def file(self) -> Path:
        """The weight file; pytorchcv's is downloaded if need be.

        Raises:
            InputError: it is missing, cannot be downloaded, or is not the one that the checksum is of.
        """
        if self.weights is None:
            return fetch(published()[self.architecture])
        if not self.weights.is_file():
            raise InputError(f"no weight file {self.weights} for model {self.name}")
        if (found := f"sha256:{sha256(self.weights)}") != self.checksum:
            raise InputError(
                f"{self.weights} has checksum {found[:19]}…, expected is {self.checksum[:19]}…; restore the file"
            )
        return self.weights

    def load(self) -> nn.Module:
        """The model with its weights, for pixels in [0, 1], in evaluation mode, its parameters frozen.

        Raises:
            InputError: the weights are missing, damaged, not the right ones, or do not fit.
        """
        path = self.file()
        network = self.build()
        tensors = read_weights(path)
        if self.weights is None:  # as pytorchcv does: some of its files hold more than the network
            wanted = network.state_dict()
            tensors = {name: tensor for name, tensor in tensors.items() if name in wanted}
        put_weights(network, tensors, path, f"{self.name} ({self.architecture})")
        model = self.prepare(network).eval().requires_grad_(False)
        check_fit(model, self.image_shape, self.classes, f"model {self.name}")
        return model


@dataclass(frozen=True)
class Zoo:
    """Models in order.

    Attributes:
        path: the folder or file.
        models: their specifications.
        single: the name of the model for the settings SM and NSM; None stands for the first source.
    """

    path: Path
    models: tuple[ModelSpec, ...]
    single: str | None = None

    @classmethod
    def open(cls, path: Path) -> "Zoo":
        """Reads what is in a zoo; loads no weights.

        Args:
            path: a folder, a zoo file, or the name of a packaged zoo file (`cifar10`, `imagenet`).

        Raises:
            InputError: there is none, it holds no finished model, or a description is damaged.
        """
        packaged = ZOOS / f"{path}.yaml"
        if path.is_dir() and (not packaged.is_file() or any(path.glob("*.json"))):
            return _open_folder(path)
        if path.is_file() or packaged.is_file():
            return _open_file(path if path.is_file() else packaged)
        names = ", ".join(sorted(file.stem for file in ZOOS.glob("*.yaml")))
        raise InputError(
            f"zoo {path}: neither a folder nor a file, nor one of {names}; "
            "train one with scripts/train_mnist_zoo.py or train_cifar10_zoo.py"
        )

    @property
    def sources(self) -> tuple[ModelSpec, ...]:
        """The models that give perturbations."""
        return tuple(spec for spec in self.models if spec.role == "source")

    @property
    def judges(self) -> tuple[ModelSpec, ...]:
        """The held-out models that perturbations are judged by."""
        return tuple(spec for spec in self.models if spec.role == "test")

    def choose(self, sources: int | Literal["single"] | Sequence[str] | None) -> tuple[ModelSpec, ...]:
        """Source models to attack.

        Args:
            sources: the first so many; `single`, the zoo's model for SM and NSM; names, also of test models; or None
                for all sources.

        Raises:
            InputError: there are too few, or a name is unknown or doubled.
        """
        if sources is not None and not isinstance(sources, int):
            default = [spec.name for spec in self.sources[:1]] if self.single is None else [self.single]
            return self.named(default if sources == "single" else sources)
        if sources is not None and sources < 1:
            raise InputError(f"sources is {sources}; it must be at least 1, or left out for all")
        if len(self.sources) < (sources or 1):
            raise InputError(f"zoo {self.path} has {len(self.sources)} source models, {sources or 1} are needed")
        return self.sources[:sources]

    def named(self, names: Sequence[str]) -> tuple[ModelSpec, ...]:
        """The models of these names, in this order.

        Raises:
            InputError: a name is unknown or doubled, or there is none.
        """
        known = {spec.name: spec for spec in self.models}
        for place, name in enumerate(names):
            if name not in known:
                few = ", ".join(list(known)[:8]) + (" …" if len(known) > 8 else "")
                raise InputError(f"zoo {self.path} has no model {name!r}; it has {few}")
            if name in names[:place]:
                raise InputError(f"model {name} is named twice")
        if not names:
            raise InputError(f"no model of zoo {self.path} is named")
        return tuple(known[name] for name in names)

    @staticmethod
    def save(folder: Path, spec: Mapping[str, Any], model: nn.Module) -> ModelSpec:
        """Writes a trained model: weights first, then the manifest that makes it count.

        Args:
            folder: the zoo.
            spec: the fields of `ModelSpec` but `macs`, `checksum` and `weights`.
            model: the trained network, without normalisation.
        """
        path = folder / f"{spec['name']}.safetensors"
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)
        cost = macs(model, spec["image_shape"])
        finished = ModelSpec(**spec, macs=cost, checksum=f"sha256:{sha256(path)}", weights=path)
        manifest = {name: value for name, value in asdict(finished).items() if name not in ("weights", "size")}
        write_json(folder / f"{finished.name}.json", manifest)
        return finished


def _open_folder(folder: Path) -> Zoo:
    manifests = sorted(folder.glob("*.json"))
    if not manifests:
        raise InputError(
            f"zoo {folder}: no finished model in it; train some with scripts/train_mnist_zoo.py or "
            "train_cifar10_zoo.py, or give a zoo file that lists the weights in it"
        )
    return Zoo(folder, tuple(read_spec(path) for path in manifests))


def read_spec(path: Path) -> ModelSpec:
    """Reads the manifest of a trained model.

    Raises:
        InputError: it is damaged or does not have the fields of `ModelSpec`.
    """
    content = read_json(path)
    try:
        tuples = {name: tuple(content[name]) for name in ("image_shape", "mean", "std")}
        spec = ModelSpec(**{**content, **tuples, "weights": path.with_suffix(".safetensors")})
        numbers = [spec.classes, spec.macs, *spec.image_shape]
        if (
            spec.role not in ("source", "test")
            or not all(isinstance(n, int) for n in numbers)
            or not isinstance(spec.arguments, dict)
            or spec.training["recipe"] is None
        ):
            raise TypeError("a field has a value of the wrong kind")
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} is no model manifest: {error}; delete it and train the model again") from error
    return spec


ZOO_FIELDS: Final = {"data", "sources", "test", "single", "weights", "mean", "std"}
MODEL_FIELDS: Final = {"name", "architecture", "arguments", "size", "weights", "mean", "std", "gmac"}


def _open_file(path: Path) -> Zoo:
    try:
        content = yaml.safe_load(path.read_text())
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
    zoo = Zoo(path, tuple(models), content.get("single"))
    zoo.named([spec.name for spec in models])
    zoo.choose("single" if zoo.single is not None else None if zoo.sources else [models[0].name])
    return zoo


def _listed(path: Path, content: Mapping[str, Any], role: Literal["source", "test"], entry: object) -> ModelSpec:
    """One model of a zoo file; what it leaves out comes from the file's own fields or the data set."""
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
        file = find_weights(path.parent / Path(str(weights)).expanduser(), name, where)
        checksum = f"sha256:{sha256(file)}"
    scale = ((0.5,) * 3, (0.5,) * 3) if known is not None and known.other_scale else (data.input_mean, data.input_std)
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
    """The weight file of a model: `place`, or in the folder `place` a file named as the model or as in the store.

    Raises:
        InputError: there is none.
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
