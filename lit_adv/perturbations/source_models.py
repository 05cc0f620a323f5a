"""Source models as a caller hands them over: modules, functions, entries of a zoo; together or one by one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Final, NamedTuple, Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from lit_adv.attacks.attack import Model
from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel, call, logits_of, modules_of, refuse_training
from lit_adv.models.ensemble import Ensemble
from lit_adv.models.fast import fast_form
from lit_adv.models.fingerprint import fingerprint
from lit_adv.perturbations.source_records import SourceRecord


@runtime_checkable
class Loadable(Protocol):
    """Entry of a zoo, such as a `ModelSpec`."""

    @property
    def name(self) -> str:
        """Name in the zoo."""

    @property
    def checksum(self) -> str:
        """Checksum of the weights."""

    def load(self) -> nn.Module:
        """Loads the model."""


Given = Model | Loadable
"""A source model as it is handed over."""


END: Final = object()
"""What stands for the end of an iterator."""


class Survey(NamedTuple):
    """What is known of a source model before it is attacked.

    Attributes:
        record: name and checksum.
        classes: K, number of logits.
        place: device where it is; None where it has no weights, or is not loaded yet.
    """

    record: SourceRecord
    classes: int
    place: torch.device | None


class SourceModels:
    """Source models in their order, at most one of them made at a time.

    Args:
        models: list or other sequence, whose items are taken when they are needed; iterator, which makes one at a time;
            or a single model.

    Raises:
        InputError: there is none.

    Attributes:
        count: number of models; None for an iterator.
        at_hand: whether all are in memory, or are entries of a zoo.
    """

    def __init__(self, models: Iterable[Given] | Given) -> None:
        if isinstance(models, (Mapping, str, bytes)):
            raise InputError(f"models are a {type(models).__name__}; give a list of them")
        counted = hasattr(models, "__len__") and hasattr(models, "__getitem__")
        alone = isinstance(models, nn.Module) and not isinstance(models, nn.ModuleList)
        if alone or not (counted or isinstance(models, Iterable)):
            models, counted = [cast(Given, models)], True
        self._sequence: Sequence[Given] | None = None
        self._iterator: Iterator[Given] | None = None
        if counted:
            self._sequence = cast(Sequence[Given], models)
            if not len(self._sequence):
                raise InputError("models is empty; give at least one source model")
        else:
            self._iterator = iter(cast(Iterable[Given], models))
        self.count = None if self._sequence is None else len(self._sequence)
        self.at_hand = isinstance(models, (list, tuple, nn.ModuleList))

    def take(self, position: int) -> Given | None:
        """Returns the model at a position; of an iterator, the next one, or None at its end.

        Raises:
            InputError: it is neither a model nor an entry of a zoo.
        """
        given: object = next(self._iterator, END) if self._iterator is not None else self._sequence[position]  # type: ignore[index]
        return None if given is END else checked_model(given, f"model {position}")

    def survey(self, position: int, sample: Tensor) -> Survey:
        """Looks at a model before the work: `look_at` of the model at a position."""
        given = self.take(position)
        assert given is not None
        return look_at(given, position, sample)


def checked_model(given: object, what: str) -> Given:
    """Returns what is handed over as a model.

    Args:
        given: the model.
        what: how a message calls it.

    Raises:
        InputError: it is neither a model nor an entry of a zoo.
    """
    if isinstance(given, type) or not (callable(given) or isinstance(given, Loadable)):
        kind = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
        raise InputError(f"{what} is {kind}; give modules, functions, or entries of a zoo")
    return given


def entry_of(given: Given) -> Loadable | None:
    """Returns the entry of a zoo that is handed over; None where it is a model."""
    return given if isinstance(given, Loadable) and not isinstance(given, nn.Module) else None


def in_memory(given: Given) -> Model:
    """Returns the model; an entry of a zoo is loaded."""
    if (entry := entry_of(given)) is not None:
        return entry.load()
    return given  # type: ignore[return-value]


def record_of(given: Given, position: int) -> SourceRecord:
    """Returns a model's name, such as `ResNet-3`, and its checksum, see `fingerprint`; a zoo's entry has its own."""
    if (entry := entry_of(given)) is not None:
        return SourceRecord(entry.name, entry.checksum)
    members = tuple(fingerprint(one) for one in given.members) if isinstance(given, Ensemble) else ()
    return SourceRecord(name_of(given, position), fingerprint(given), members)


def name_of(given: Given, position: int) -> str:
    """Returns a model's name, such as `ResNet-3`; a zoo's entry has its own."""
    entry = entry_of(given)
    return f"{getattr(given, '__name__', type(given).__name__)}-{position}" if entry is None else entry.name


def look_at(given: Given, position: int, sample: Tensor) -> Survey:
    """Finds a model's name, checksum and number of classes.

    Args:
        given: the model.
        position: its position among the source models.
        sample: `[B, C, H, W]`, some images; a model that is already in memory is tried on them.

    Raises:
        InputError: the model is in training mode, does not take such images, or gives no logits.
    """
    record = record_of(given, position)
    if (entry := entry_of(given)) is not None:
        shape, classes = getattr(entry, "image_shape", None), getattr(entry, "classes", None)
        if shape is not None and tuple(shape) != tuple(sample.shape[1:]):
            raise InputError(
                f"source model {record.name} takes images {list(shape)}, these are {list(sample.shape[1:])}"
            )
        if isinstance(classes, int):
            return Survey(record, classes, None)
    model = in_memory(given)
    place = place_of(model)
    return Survey(record, classes_of(model, record.name, sample.to(place or sample.device)), place)


def classes_of(model: Model, name: str, sample: Tensor) -> int:
    """Returns the number of a model's logits.

    Args:
        model: the model.
        name: its name, for messages.
        sample: `[B, C, H, W]` on its device.

    Raises:
        InputError: it is in training mode, does not take such images, or gives no logits.
    """
    refuse_training(model, f"source model {name}")
    try:
        with torch.no_grad():
            return logits_of(call(model, sample), len(sample)).shape[1]
    except BrokenModel as error:
        raise InputError(f"source model {name} gives {error.what}") from error
    except InputError:
        raise
    except Exception as error:  # whatever the caller's code raises
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"source model {name} does not take images {list(sample.shape)}: {reason}") from error


def device_named(device: torch.device | str | None) -> torch.device | None:
    """Returns the device of this name.

    Raises:
        InputError: it is not to be had here.
    """
    if device is None:
        return None
    try:
        found = torch.zeros(1, device=device)
        found.cpu()
    except (RuntimeError, AssertionError, TypeError) as error:
        raise InputError(f"device {str(device)!r} is not to be had here: {error}") from error
    return found.device


def place_of(model: object) -> torch.device | None:
    """Returns the device of a model's first parameter or buffer; None where it has none."""
    return next((tensor.device for tensor in _tensors(model)), None)


def type_of(model: object) -> torch.dtype | None:
    """Returns the type of a model's first floating-point parameter or buffer; None where it has none."""
    return next((tensor.dtype for tensor in _tensors(model) if tensor.is_floating_point()), None)


def _tensors(model: object) -> Iterator[Tensor]:
    for module in modules_of(model):
        yield from module.parameters()
        yield from module.buffers()


def ready(
    given: Given, name: str, sample: Tensor, fast: bool, device: torch.device | None
) -> tuple[Model, torch.device]:
    """Returns a model in the form in which it is attacked, and its device; the caller's stays as it is.

    Args:
        given: the model.
        name: its name, for messages.
        sample: `[B, C, H, W]`, some images.
        fast: whether modules are attacked in their fast forms, where these are the same functions of the images.
        device: device of the attack; None for the model's own, or else the sample's.

    Raises:
        InputError: it cannot be loaded, is in training mode, or is a function whose weights are elsewhere.
    """
    with torch.inference_mode(False):  # tensors that are made in it forbid gradients
        model = in_memory(given)
        if entry_of(given) is not None and isinstance(model, nn.Module):
            model = model.to(device or sample.device)
        elif isinstance(given, nn.Module) and device is not None and place_of(given) not in (None, device):
            model = deepcopy(given).to(device)
        place = device or place_of(model) or sample.device
        refuse_training(model, f"source model {name}")
        if not fast or not isinstance(model, nn.Module):
            return model, place
        return fast_form(model, sample.to(place)), place
