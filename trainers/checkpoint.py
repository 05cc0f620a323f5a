"""The checkpoint from which a training continues, or which is set aside because it cannot be used."""

import io
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor, nn

from lit_adv.files import atomic_path
from lit_adv.terminal import say

NAME: Final = "epoch"
"""Name of the checkpoint's file, without its ending."""
PARTS: Final = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "epoch", "global_step"}
"""What Lightning needs of a checkpoint to continue."""


class AtomicCheckpoint(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all: a full disk leaves the last one as it was."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Writes it.

        Raises:
            InputError: there is no room, or the folder cannot be written.
        """
        content = io.BytesIO()
        torch.save(checkpoint, content)
        with atomic_path(Path(path)) as temporary:
            temporary.write_bytes(content.getbuffer())


class Draws(pl.Callback):
    """Keeps the states of torch's global generators in the checkpoint: a training that goes on draws as if unbroken."""

    def state_dict(self) -> dict[str, Tensor]:
        """Returns the states of the processor's generator and of the current GPU's, where it is in use."""
        gpu = {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_initialized() else {}
        return {"cpu": torch.get_rng_state(), **gpu}

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Sets them; a GPU's only where there is one."""
        torch.set_rng_state(state_dict["cpu"])
        if "cuda" in state_dict and torch.cuda.is_available():
            torch.cuda.set_rng_state(state_dict["cuda"])


def usable_checkpoint(folder: Path, module: nn.Module) -> Path | None:
    """Returns the checkpoint of a training; None if there is none that can be used.

    One that is damaged, of another network or not finite is renamed, and a line on standard error says so.

    Args:
        folder: of the unfinished training.
        module: that is trained.
    """
    path = folder / f"{NAME}.ckpt"
    if not path.is_file():
        return None
    if not (fault := _fault(path, module)):
        return path
    aside = path.with_name(f"{NAME}-damaged.ckpt")
    path.replace(aside)
    say(f"{path} {fault}: set aside as {aside.name}, this model's training begins anew")
    return None


def _fault(path: Path, module: nn.Module) -> str:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch.load meets damage with errors of every kind
        return "is damaged, or holds more than tensors"
    if not isinstance(content, dict) or not content.keys() >= PARTS or not isinstance(content["state_dict"], dict):
        return "is no checkpoint of a training"
    found, wanted = content["state_dict"], module.state_dict()
    if {name: getattr(t, "shape", None) for name, t in found.items()} != {name: t.shape for name, t in wanted.items()}:
        return "is of another network"
    broken = not_finite(found)
    return f"holds {broken[0]}, which is not finite" if broken else ""


def not_finite(tensors: dict[str, Tensor]) -> list[str]:
    """Returns the names of the tensors that hold NaN or infinite values."""
    return [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
