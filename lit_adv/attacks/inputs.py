"""What a caller hands to an attack: checks, and copies that are safe to work on."""

import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.logits import broken_rows, first_few, refuse_autocast, short


def own(given: Tensor) -> Tensor:
    """Detaches a tensor; one that was made in inference mode, which forbids gradients, is copied."""
    return given.clone() if given.is_inference() else given.detach()


def random_state(device: torch.device) -> Tensor:
    """Returns the state of the generator that a model on `device` draws from."""
    if device.type != "cpu" and hasattr(module := torch.get_device_module(device.type), "get_rng_state"):
        return module.get_rng_state(device)  # type: ignore[no-any-return]
    return torch.get_rng_state()


def refuse_misfits(images: Tensor, labels: Tensor, targets: Tensor | None, calibration: Tensor | None) -> None:
    """Refuses what no attack can work with.

    Args:
        images: `[B, C, H, W]`, floating point and finite.
        labels: `[B]` int64, 0 or more.
        targets: `[B]` int64, 0 or more, each another class than the label.
        calibration: `[B, K]`.

    Raises:
        InputError: one of them is of another kind or shape, or autocast is on.
    """
    _refuse_images(images)
    for name, given in (("labels", labels), ("targets", targets)):
        if given is not None or name == "labels":
            _refuse_classes(name, given, len(images))
    if calibration is not None and (
        not isinstance(calibration, Tensor) or calibration.ndim != 2 or len(calibration) != len(images)
    ):
        found = list(calibration.shape) if isinstance(calibration, Tensor) else type(calibration).__name__
        raise InputError(f"calibration has shape {found}, want [{len(images)}, K], one row for each image")
    if targets is not None and (same := (targets.cpu() == labels.cpu()).nonzero()[:, 0]).numel():
        raise InputError(f"targets equal labels in rows {first_few(same.tolist())}; a target must be another class")


def _refuse_images(images: Tensor) -> None:
    if not isinstance(images, Tensor):
        raise InputError(
            f"images are a {type(images).__name__}; give a tensor [B, C, H, W], such as torch.from_numpy's"
        )
    if images.ndim != 4:
        raise InputError(f"images have shape {list(images.shape)}, want [B, C, H, W]; images[None] makes one a batch")
    if not images.is_floating_point():
        raise InputError(
            f"images are {short(images.dtype)}; give floating-point numbers in [0, 1], such as images / 255"
        )
    refuse_autocast(images.device)
    if rows := broken_rows(images):
        raise InputError(f"images are not finite in rows {first_few(rows)}")


def _refuse_classes(name: str, classes: Tensor | None, images: int) -> None:
    if not isinstance(classes, Tensor):
        raise InputError(
            f"{name} are a {type(classes).__name__}; give an int64 tensor, such as torch.as_tensor({name})"
        )
    if list(classes.shape) != [images]:
        raise InputError(f"{name} have shape {list(classes.shape)}, want [{images}], one for each image")
    if classes.dtype != torch.int64:
        raise InputError(f"{name} are {short(classes.dtype)}; they must be int64, such as {name}.long() gives")
    if images and (lowest := int(classes.min())) < 0:
        raise InputError(f"{name} reach down to {lowest}; they must be 0 or more")
