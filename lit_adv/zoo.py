"""The source zoo: an ordered folder of trained models, loaded one at a time.

A zoo folder holds, for each model, `NAME.safetensors` and `NAME.json`. The second is written last: a model without it
is not finished.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lit_adv.errors import InputError
from lit_adv.files import atomic_path, read_json, sha256, write_json
from lit_adv.models.vgg import vgg16_like


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model of a zoo: what its manifest says.

    Attributes:
        name: the file name without ending; names in order are the zoo's order.
        role: `source` models give perturbations; `test` models only judge them and are never attacked.
        width: of `vgg16_like`.
        classes: K, the number of logits.
        image_shape: `(C, H, W)` of the images it takes.
        seed: of initialisation and training order.
        accuracy: share of the held-out test images classified right, 0 to 1.
        data: what it was trained on.
        macs: multiply-accumulates of one forward pass on one image.
        sha256: checksum of the weight file.
    """

    name: str
    role: Literal["source", "test"]
    width: int
    classes: int
    image_shape: tuple[int, int, int]
    seed: int
    accuracy: float
    data: dict[str, Any]
    macs: int
    sha256: str

    def build(self) -> nn.Module:
        """The architecture, with random weights."""
        return vgg16_like(self.width, self.classes)


@dataclass(frozen=True)
class Zoo:
    """The finished models of a folder, in order.

    Attributes:
        folder: where they are.
        models: their specifications.
    """

    folder: Path
    models: tuple[ModelSpec, ...]

    @classmethod
    def open(cls, folder: Path) -> "Zoo":
        """Reads the manifests of a zoo folder; loads no weights.

        Raises:
            InputError: the folder is missing, holds no finished model, or a manifest is damaged.
        """
        manifests = sorted(folder.glob("*.json"))
        if not manifests:
            what = "no finished model in it" if folder.is_dir() else "not a folder"
            raise InputError(f"zoo {folder}: {what}; train one with python scripts/train_mnist_zoo.py --out {folder}")
        return cls(folder, tuple(read_spec(path) for path in manifests))

    @property
    def sources(self) -> tuple[ModelSpec, ...]:
        """The models that give perturbations."""
        return tuple(spec for spec in self.models if spec.role == "source")

    @property
    def judges(self) -> tuple[ModelSpec, ...]:
        """The held-out models that perturbations are judged by."""
        return tuple(spec for spec in self.models if spec.role == "test")

    def load(self, spec: ModelSpec) -> nn.Module:
        """The model with its weights, in evaluation mode, its parameters frozen.

        Raises:
            InputError: the weight file is missing, damaged, not the one the manifest names, or does not fit.
        """
        path = self.folder / f"{spec.name}.safetensors"
        if not path.is_file():
            raise InputError(f"no weight file {path}; delete {spec.name}.json and train the model again")
        if (found := sha256(path)) != spec.sha256:
            raise InputError(
                f"{path} has checksum {found[:12]}…, its manifest says {spec.sha256[:12]}…; "
                f"restore the file, or delete {spec.name}.json and train the model again"
            )
        model = spec.build()
        try:
            model.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(
                f"{path} does not fit {spec.name}'s architecture (width {spec.width}): {reason}"
            ) from error
        return model.eval().requires_grad_(False)

    @staticmethod
    def save(folder: Path, spec: dict[str, Any], model: nn.Module) -> ModelSpec:
        """Writes a trained model: weights first, then the manifest that makes it count.

        Args:
            folder: the zoo.
            spec: the fields of `ModelSpec` but `macs` and `sha256`, which are computed here.
            model: the trained network.
        """
        path = folder / f"{spec['name']}.safetensors"
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)
        finished = ModelSpec(**spec, macs=macs(model, spec["image_shape"]), sha256=sha256(path))
        write_json(folder / f"{finished.name}.json", asdict(finished))
        return finished


def read_spec(path: Path) -> ModelSpec:
    """Reads one model's manifest.

    Raises:
        InputError: it is damaged or does not have the fields of `ModelSpec`.
    """
    content = read_json(path)
    try:
        spec = ModelSpec(**{**content, "image_shape": tuple(content["image_shape"])})
        numbers = [spec.width, spec.classes, spec.seed, spec.macs, *spec.image_shape]
        if (
            spec.role not in ("source", "test")
            or not all(isinstance(n, int) for n in numbers)
            or spec.data["recipe"] is None
        ):
            raise TypeError("a field has a value of the wrong kind")
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} is no model manifest: {error}; delete it and train the model again") from error
    return spec


def macs(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates of one forward pass on one image `(C, H, W)`."""
    device = next(model.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *image_shape, device=device))
    return int(counter.get_total_flops()) // 2
