"""A network that draws the average, as an attack."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor

from lit_adv.attacks.attack import Attack, Problem, positive
from lit_adv.attacks.unet import UNet
from lit_adv.errors import InputError

ARGUMENTS: Final = "unet"
"""Key of the U-Net's arguments, as JSON, in the metadata of a file of weights."""


@dataclass(frozen=True, kw_only=True)
class Map(Attack):
    """The picture that a trained U-Net draws for the image, in place of an attack (thesis 7.2).

    **It ignores the model**: neither its logits nor its gradients are used, and the label is not either. All models and
    all runs of the same images have the same δ, so one model and one copy say everything. `lit-adv fit --config
    mnist-map` trains the U-Net on images and their averages.

    Attributes:
        weights: file of the U-Net's weights, `map.safetensors`.
        epsilon: root of the mean square of δ, which the map itself leaves open.
        checksum: SHA-256 of the file, part of a run's settings; by default that of the file as it is.
    """

    keeps_batch_order: ClassVar[bool] = True

    weights: str
    epsilon: float = 0.2
    checksum: str = ""

    def __post_init__(self) -> None:
        positive(self, "epsilon")
        if not self.checksum:
            object.__setattr__(self, "checksum", hashlib.sha256(_content(self.weights)).hexdigest())
        network(self.weights, self.checksum, torch.device("cpu"))

    @property
    def gradients(self) -> int:
        """Most gradients that a perturbation takes."""
        return 0

    def _perturb(self, problem: Problem) -> Tensor:
        if problem.targeted:
            raise InputError("Map is untargeted: it draws from the image alone; leave the targets out")
        images = problem.images
        drawn = network(self.weights, self.checksum, images.device)
        if drawn.channels != images.shape[1]:
            raise InputError(f"Map: {self.weights} is for images of {drawn.channels} channels, not {images.shape[1]}")
        with torch.no_grad():
            return (self.epsilon * unit(drawn(images.float()))).to(images.dtype)


@lru_cache(maxsize=4)
def network(weights: str, checksum: str, device: torch.device) -> UNet:
    """Loads the U-Net of a file, in evaluation mode.

    Raises:
        InputError: the file is missing, none of a map, or has another SHA-256 than `checksum`.
    """
    content = _content(weights)
    if (found := hashlib.sha256(content).hexdigest()) != checksum:
        raise InputError(f"Map: {weights} has checksum {found[:12]}…, expected is {checksum[:12]}…; restore the file")
    try:
        with safe_open(Path(weights).expanduser(), "pt") as file:
            arguments = json.loads((file.metadata() or {})[ARGUMENTS])
        unet = UNet(**arguments)
        unet.load_state_dict(load(content))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"Map: {weights} holds no map; train one with lit-adv fit --config mnist-map") from error
    return unet.eval().requires_grad_(False).to(device)


def save_map(unet: UNet, arguments: dict[str, object], path: Path) -> None:
    """Writes the weights of a U-Net of these arguments."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in unet.state_dict().items()}
    save_file(tensors, path, {ARGUMENTS: json.dumps(arguments)})


def unit(pictures: Tensor) -> Tensor:
    """Scales pictures `[B, C, H, W]`, however minute, to a mean square of 1 each; one that is 0 stays 0."""
    tiny = torch.finfo(pictures.dtype).tiny
    pictures = pictures / pictures.abs().amax((1, 2, 3), keepdim=True).clamp_min(tiny)
    return pictures / pictures.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(tiny)


def _content(weights: str) -> bytes:
    try:
        return Path(weights).expanduser().read_bytes()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Map: cannot read weights {weights!r}: {reason}; train them with lit-adv fit --config mnist-map"
        ) from error
