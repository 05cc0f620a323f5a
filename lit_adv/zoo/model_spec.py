"""One model of a zoo: its architecture, its weights, and how it is loaded."""

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.files import read_json, sha256
from lit_adv.models import timm_models
from lit_adv.models.build import build, check_fit, prepare
from lit_adv.models.own_code import is_own_code, refuse_untrusted
from lit_adv.models.programs import is_program
from lit_adv.models.skip_init import SkipInit
from lit_adv.zoo import timm_store
from lit_adv.zoo.built import identity
from lit_adv.zoo.published import fetch_published, published_at_hand
from lit_adv.zoo.weights import put_weights, read_weights

FOREIGN: Final = "restore it if it was one; otherwise move it out of the zoo's folder"
"""Advice about a JSON file that is no manifest of a model."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model of a zoo.

    Attributes:
        name: name in the zoo.
        role: `source` models give perturbations; `test` models judge them.
        architecture: name of the architecture, see `lit_adv.models.build.build`.
        arguments: keyword arguments of the architecture.
        classes: K, number of logits.
        image_shape: shape `(C, H, W)` of the images that the model is given.
        size: side length in pixels to which images are resized for the network; None if they are not.
        mean: mean of each channel, subtracted from the pixels.
        std: standard deviation of each channel, by which the rest is divided.
        macs: multiply-accumulates of one forward pass on one image.
        checksum: checksum of the weight file, `sha256:…` or `sha1:…`; or, where own code brings its weights along, of
            these, `tensors:…`.
        weights: weight file; None stands for the weights that come along: those that its library publishes, or of own
            code.
        training: seed, accuracy, data and recipe of a model that this project trained; empty for others.
        library: library that size, mean and standard deviation come from; empty where they come from elsewhere.
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
    library: str = ""

    def refuse_data(self, data: str) -> None:
        """Refuses images of another data set than the model was trained on, where both are known.

        Args:
            data: name of the images' data set.

        Raises:
            InputError: they are of another.
        """
        trained_on = self.training.get("recipe", {}).get("data")
        if trained_on != data and trained_on in DATA_SETS and data in DATA_SETS:
            raise InputError(
                f"model {self.name} was trained on {trained_on}, the images are {data}'s; give a zoo that was "
                "trained on them"
            )

    def build(self) -> nn.Module:
        """Builds the network alone, with random weights; it takes pixels after resizing and normalisation.

        Own code runs here: whoever makes a `ModelSpec` has asked whether it is trusted.

        Raises:
            InputError: there is no such architecture.
        """
        return build(self.architecture, self.arguments)

    def prepare(self, network: nn.Module) -> nn.Module:
        """Puts resizing and normalisation before the network, which then takes `[B, C, H, W]` in [0, 1]."""
        return prepare(network, self.mean, self.std, self.size)

    @property
    def is_built(self) -> bool:
        """Whether the weights are those that own code brings along, in no file that is known."""
        return self.weights is None and is_own_code(self.architecture)

    def at_hand(self) -> bool:
        """Tells whether the weights are on this machine."""
        if self.weights is not None:
            return self.weights.is_file()
        return self.is_built or published_at_hand(self.architecture)

    def fetch(self) -> None:
        """Downloads published weights that are missing, and checks weight files.

        Raises:
            InputError: a file is missing, cannot be downloaded, or has another checksum.
        """
        if not self.is_built:
            self.file()

    def file(self) -> Path:
        """Finds the weight file; one that a library publishes is downloaded if it is missing.

        Raises:
            InputError: it is missing, cannot be downloaded, or has another checksum, or there is none.
        """
        if self.is_built:
            raise InputError(f"model {self.name} has no weight file: {self.architecture} brings its weights along")
        if self.weights is None:
            return fetch_published(self.architecture)
        if not self.weights.is_file():
            raise InputError(f"no weight file {self.weights} for model {self.name}")
        if (found := f"sha256:{sha256(self.weights)}") != self.checksum:
            raise InputError(
                f"{self.weights} has checksum {found[:19]}…, expected is {self.checksum[:19]}…; restore the file"
            )
        return self.weights

    def load(self) -> nn.Module:
        """Loads the model for pixels in [0, 1], in evaluation mode, its parameters frozen.

        Raises:
            InputError: the weights are missing or damaged, have another checksum, or do not fit.
        """
        if is_program(self.architecture):
            return self._program()
        network = self._built() if self.is_built else self._filled()
        model = self.prepare(network).eval().requires_grad_(False)
        check_fit(model, self.image_shape, self.classes, f"model {self.name}")
        return model

    def _program(self) -> nn.Module:
        """Loads a program, and tries it on batches of two sizes."""
        self.file()
        model = self.prepare(self.build()).eval()
        for images in (2, 1):
            try:
                check_fit(model, self.image_shape, self.classes, f"model {self.name}", images)
            except InputError as error:
                advice = "it must take any number of images: torch.export.export(…, dynamic_shapes=({0: Dim('B')},))"
                raise InputError(f"{error}; {advice}" if "does not take" in str(error) else str(error)) from error
        return model

    def example(self) -> Tensor | None:
        """Images `[2, C, H, W]` on which forms of the model are compared; None where they are known to agree."""
        if ":" not in self.architecture:
            return None
        return torch.rand(2, *self.image_shape, generator=torch.Generator().manual_seed(0))

    def _built(self) -> nn.Module:
        """Builds a network of own code that brings its weights along."""
        network = self.build()
        if identity(network) != self.checksum:
            raise InputError(
                f"model {self.name}: {self.architecture} gives other weights each time, as if drawn at random; "
                "save its state_dict() and name the file under weights"
            )
        return network

    def _filled(self) -> nn.Module:
        """Builds the network and puts the weights of its file into it."""
        path = self.file()
        if self.weights is None and self.architecture.startswith(timm_models.PREFIX):
            return timm_store.load(self.architecture, path)
        own = is_own_code(self.architecture)  # what it computes from its first weights must be sound
        with nullcontext() if own else SkipInit():
            network = self.build()
        tensors = read_weights(path)
        if self.weights is None:  # as pytorchcv does: some of its files hold more than the network
            wanted = network.state_dict()
            tensors = {name: tensor for name, tensor in tensors.items() if name in wanted}
        put_weights(network, tensors, path, f"{self.name} ({self.architecture})")
        return network


def read_spec(path: Path, trust: Collection[str] = ()) -> ModelSpec:
    """Reads the manifest of a trained model.

    Args:
        path: of the manifest.
        trust: packages and files whose code may run.

    Raises:
        InputError: it is damaged or lacks fields of `ModelSpec`, or names code that is not trusted.
    """
    try:
        content = read_json(path)
        tuples = {name: tuple(content[name]) for name in ("image_shape", "mean", "std")}
        spec = ModelSpec(**{**content, **tuples, "weights": path.with_suffix(".safetensors")})
        numbers = [spec.classes, spec.macs, *spec.image_shape]
        if (
            spec.role not in ("source", "test")
            or not all(isinstance(n, int) for n in numbers)
            or not isinstance(spec.arguments, dict)
            or not isinstance(spec.architecture, str)
            or is_program(spec.architecture)
            or spec.training["recipe"] is None
        ):
            raise TypeError("a field has a value of the wrong kind")
    except InputError as error:
        raise InputError(f"{error}; {FOREIGN}") from error
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} is no model manifest: {error}; {FOREIGN}") from error
    refuse_untrusted(spec.architecture, trust, str(path))
    return spec
