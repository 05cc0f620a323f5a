"""Zoo of models: an ordered list of trained models, loaded one at a time.

A zoo is a folder of models that this project trained, or a file that lists models. A folder holds
`NAME.safetensors` and `NAME.json` for each model. The second is written last: without it a model is not finished.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from safetensors.torch import save_file
from torch import nn

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.files import atomic_path, expanded, sha256, write_json
from lit_adv.models.build import macs
from lit_adv.models.programs import is_program
from lit_adv.zoo.entries import NOT_IN_NAMES, EntryReader
from lit_adv.zoo.folder import manifests, read_folder
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.pytorchcv_store import published
from lit_adv.zoo.zoo_file import numbered_classes, read_zoo_file

ZOOS: Final = Path(__file__).parent / "packaged"
"""Folder of the packaged zoo files."""
NOT_WRITTEN: Final = ("weights", "size", "library")
"""Fields of `ModelSpec` that the manifest of a trained model has not."""


@dataclass(frozen=True, repr=False)
class Zoo:
    """Ordered models, each a source or a test model.

    Attributes:
        path: folder, file or name of the zoo.
        models: specifications of the models.
        single: name of the model for the settings SM and NSM; None stands for the first source.
        reader: reads further models of the zoo's data set, by their architecture; None if there can be none.

    Example:
        >>> zoo = Zoo.open(Path("cifar10"))
        >>> len(zoo.sources), zoo.sources[0].name, zoo.sources[0].image_shape
        (66, 'nin_cifar10', (3, 32, 32))
    """

    path: Path
    models: tuple[ModelSpec, ...]
    single: str | None = None
    reader: EntryReader | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        """Says what it holds, in a line."""
        return f"Zoo({self.path}: {len(self.sources)} source models, {len(self.judges)} test models)"

    @classmethod
    def open(cls, path: Path | str, trust: Collection[str] = ()) -> "Zoo":
        """Reads the specifications in a zoo; loads no weights but those that own code brings along.

        Args:
            path: folder, zoo file, or name of a packaged zoo file (`cifar10`, `imagenet`).
            trust: packages whose code may run, where the zoo names some.

        Raises:
            InputError: there is no such zoo, it holds no finished model or one twice, a specification is damaged, or it
                names code that is not trusted.
        """
        path = expanded(path)
        packaged = ZOOS / f"{path}.yaml"
        if path.is_dir() and (not packaged.is_file() or manifests(path)):
            return _open_folder(path, trust)
        if path.is_file() or packaged.is_file():
            file = path if path.is_file() else packaged
            models, single, reader = read_zoo_file(file, trust)
            zoo = cls(path, models, single)
            _refuse_copies(path, zoo.models, [spec.name for spec in zoo.models])
            zoo.named([spec.name for spec in zoo.models])
            if zoo.single is not None:
                zoo.named([zoo.single])
            return replace(zoo, reader=reader)
        names = ", ".join(sorted(file.stem for file in ZOOS.glob("*.yaml")))
        raise InputError(f"zoo {path}: neither a folder nor a file, nor one of {names}; train one with lit-adv fit")

    @property
    def sources(self) -> tuple[ModelSpec, ...]:
        """Source models, which give perturbations."""
        return tuple(spec for spec in self.models if spec.role == "source")

    @property
    def judges(self) -> tuple[ModelSpec, ...]:
        """Test models, which are never attacked and judge perturbations."""
        return tuple(spec for spec in self.models if spec.role == "test")

    def choose(self, sources: int | Literal["single"] | Sequence[str] | None) -> tuple[ModelSpec, ...]:
        """Chooses source models to attack.

        Args:
            sources: a number, the first of the zoo; `single`, the zoo's model for SM and NSM; names, also of test
                models, or architectures of models that are not in the zoo; or None for all sources.

        Raises:
            InputError: there are too few, a name is unknown or given twice, or their numbers of classes differ.
        """
        if sources is not None and not isinstance(sources, int):
            default = [spec.name for spec in self.sources[:1]] if self.single is None else [self.single]
            return _alike(self.named(default if sources == "single" else sources))
        if sources is not None and sources < 1:
            raise InputError(f"sources is {sources}; it must be at least 1, or left out for all")
        if len(self.sources) < (sources or 1):
            raise InputError(f"zoo {self.path} has {len(self.sources)} source models, {sources or 1} are needed")
        return _alike(self.sources[:sources])

    def named(self, names: Sequence[str], role: Literal["source", "test"] = "source") -> tuple[ModelSpec, ...]:
        """Returns the models of these names, in this order.

        Args:
            names: of models of the zoo; or architectures of other ones, which are read as a zoo file's entries are.
            role: of those other ones.

        Raises:
            InputError: a name is unknown or given twice, or there is none.
        """
        known = {spec.name: spec for spec in self.models}
        for place, name in enumerate(names):
            if name not in known and (spec := self._other(name, role)) is not None:
                known[name] = spec
            if name not in known:
                few = ", ".join(list(known)[:8]) + (" …" if len(known) > 8 else "")
                raise InputError(f"zoo {self.path} has no model {name!r}; it has {few}")
            if name in names[:place]:
                raise InputError(f"model {name} is named twice")
        if not names:
            raise InputError(f"no model of zoo {self.path} is named")
        return tuple(known[name] for name in names)

    def _other(self, name: str, role: Literal["source", "test"]) -> ModelSpec | None:
        """Reads a model that is named by its architecture; the zoo's own if it has it; None if the name is no such."""
        short = name.translate(NOT_IN_NAMES)
        if short != name and (own := [spec for spec in self.models if spec.name == short]):
            return own[0]
        if self.reader is None or not (":" in name or name in published()):
            return None
        kind, _, file = name.partition(":")
        if is_program(name):  # on the command line its path begins at the working directory
            return self.reader.read({"name": short, "architecture": f"{kind}:{expanded(file).absolute()}"}, role)
        return self.reader.read(name, role)

    @staticmethod
    def save(folder: Path, spec: Mapping[str, Any], model: nn.Module) -> ModelSpec:
        """Writes a trained model: weights first, then the manifest that makes it count.

        Args:
            folder: folder of the zoo.
            spec: fields of `ModelSpec` but `macs`, `checksum` and `weights`.
            model: trained network, without normalisation.
        """
        path = folder / f"{spec['name']}.safetensors"
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)
        cost = macs(model, spec["image_shape"])
        finished = ModelSpec(**spec, macs=cost, checksum=f"sha256:{sha256(path)}", weights=path)
        manifest = {
            name: value for name, value in asdict(finished).items() if name not in ("weights", "size", "library")
        }
        write_json(folder / f"{finished.name}.json", manifest)
        return finished


def _open_folder(folder: Path, trust: Collection[str]) -> Zoo:
    found = read_folder(folder, trust)
    models = tuple(found.values())
    _refuse_copies(folder, models, [path.name for path in found])
    images = models[0].image_shape, models[0].classes
    data = next((data for data in DATA_SETS.values() if (data.image_shape, data.classes) == images), None)
    reader = EntryReader(
        where=f"zoo {folder}",
        folder=folder,
        data=data or numbered_classes(*images),
        defaults={},
        trust=trust,
    )
    return Zoo(folder, models, reader=reader)


def _alike(specs: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
    """Returns models that are averaged together; they must have the same classes."""
    for spec in specs:
        if spec.classes != specs[0].classes:
            raise InputError(
                f"model {spec.name} has {spec.classes} classes, {specs[0].name} has {specs[0].classes}; choose source "
                "models of the same classes"
            )
    return specs


def _refuse_copies(zoo: Path, models: Sequence[ModelSpec], places: Sequence[str]) -> None:
    """Refuses two models of one name, and two of one role that are one function: it would count twice in an average.

    A source may also be a test model under another name: evaluations mark such a judge as a white box.

    Args:
        zoo: folder or file, for messages.
        models: the models.
        places: the name by which a message calls each of them.
    """
    names: dict[str, str] = {}
    functions: dict[str, str] = {}
    for spec, place in zip(models, places, strict=True):
        architecture = "" if is_program(spec.architecture) else spec.architecture  # a path says nothing of a program
        weights = spec.role, spec.checksum, architecture, sorted(spec.arguments.items())
        function = repr((*weights, spec.size, spec.mean, spec.std))
        if (first := names.setdefault(spec.name, place)) != place:
            raise InputError(f"zoo {zoo}: {place} and {first} are both named {spec.name}; move one of them away")
        if (first := functions.setdefault(function, place)) != place:
            raise InputError(
                f"zoo {zoo}: {place} and {first} are one model, of the same weights; move one of them away"
            )
