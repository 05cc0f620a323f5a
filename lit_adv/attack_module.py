"""The Lightning shell around source zoo and attack."""

import gc
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch import Tensor, nn

from datamodules.replicas import ReplicaBatch, ReplicaDataModule
from lit_adv.attacks import Attack, Square
from lit_adv.attacks.attack import BrokenModel
from lit_adv.calibration import calibration
from lit_adv.errors import InputError
from lit_adv.fast import Reduced, Stack, fast_form, has_bf16, stackable
from lit_adv.model_spec import ModelSpec
from lit_adv.zoo import Zoo


class AttackModule(pl.LightningModule):
    """Attacks the source models of a zoo, one planned batch at a time.

    Args:
        zoo: the zoo's folder or file.
        attack: what finds the perturbations.
        sources: use the first so many source models, or those of these names, or `single`, the zoo's model for SM and
            NSM; left out, all.
        exact: attack the models as they are, one at a time, in place of their fast forms.
        precision: `bf16` runs the models in bfloat16; the attack's own arithmetic stays in float32.

    Attributes:
        sources: the source models used, in order.
        stackable: a batch may hold the images of several models.

    Raises:
        InputError: the zoo is empty or has not these sources, or the precision does not go with `exact`.
    """

    def __init__(
        self,
        zoo: Path,
        attack: Attack,
        sources: int | Literal["single"] | list[str] | None = None,
        exact: bool = False,
        precision: Literal["float32", "bf16"] = "float32",
    ) -> None:
        super().__init__()
        self.zoo = Zoo.open(Path(zoo))
        if exact and precision != "float32":
            raise InputError(f"exact and precision {precision} contradict each other; leave one of them out")
        self.sources: tuple[ModelSpec, ...] = self.zoo.choose(sources)
        self.attack = attack
        self.exact = exact
        self.model_precision = precision
        kinds = {(s.architecture, str(s.arguments), s.size, s.mean, s.std) for s in self.sources}
        with torch.device("meta"):
            alike = len(kinds) == 1 and stackable([self.sources[0].prepare(self.sources[0].build())])
        self.stackable = alike and attack.whole_batches and not exact
        # Not a submodule: Lightning broadcasts rank 0's submodules to all processes, and theirs differ.
        self._current: list[tuple[tuple[int, int], nn.Module]] = []

    def prepare_data(self) -> None:
        """Downloads and opens every source's weights, on one process, so that a bad file is found before any work.

        Raises:
            InputError: the source models take other images than the data module has, or a weight file is no good.
        """
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(data, ReplicaDataModule)
        for spec in self.sources:
            if spec.image_shape != data.image_shape:
                raise InputError(
                    f"source model {spec.name} takes images {list(spec.image_shape)}, the data are "
                    f"{list(data.image_shape)}; give a zoo that was trained on these data"
                )
        for spec in self.sources:
            spec.load()

    def source_model(self, first: int, count: int = 1) -> nn.Module:
        """The source model at `first`, or `count` from there as one, on the device; only the last one is kept."""
        if not self._current or self._current[0][0] != (first, count):
            self._current.clear()
            gc.collect()  # traced networks refer to themselves, and would stay in memory beside the next
            models = [spec.load() for spec in self.sources[first : first + count]]
            model = models[0] if self.exact else Stack(models) if count > 1 else fast_form(models[0])
            model = Reduced(model) if self.model_precision == "bf16" else model
            self._current.append(((first, count), model.to(self.device)))
        return self._current[0][1]

    def on_predict_start(self) -> None:
        """Warns where bfloat16 would be slow."""
        if self.model_precision == "bf16" and not has_bf16(self.device):
            rank_zero_warn(f"this {self.device.type} does not compute in bfloat16 by itself; float32 is faster here")

    def predict_step(self, batch: ReplicaBatch) -> Tensor:
        """The perturbations δ_i(x + z) `[B, C, H, W]` of one batch.

        Raises:
            InputError: a source model gave what no attack can use; it names the model and the images.
        """
        attack = self.attack.for_model(batch.model) if isinstance(self.attack, Square) else self.attack
        # Lightning's default inference mode forbids gradients; tensors made inside it are cloned to leave it.
        with torch.inference_mode(False), torch.enable_grad():
            clean, noisy, label = batch.clean.clone(), batch.noisy.clone(), batch.label.clone()
            target = None if batch.target is None else batch.target.clone()
            model = self.source_model(batch.model, batch.models)
            same = torch.equal(clean, noisy)
            try:
                calib = None if same else calibration(model, clean, noisy, batch.models)
                return attack(model, noisy, label, targets=target, calibration=calib)
            except BrokenModel as error:
                raise InputError(self._name(error, batch)) from error

    def _name(self, error: BrokenModel, batch: ReplicaBatch) -> str:
        rows = error.rows or list(range(len(batch.image)))
        each = len(batch.image) // batch.models
        models = sorted({self.sources[batch.model + row // each].name for row in rows})
        images = sorted({int(batch.image[row]) for row in rows})
        few = ", ".join(map(str, images[:8])) + (f" and {len(images) - 8} more" if len(images) > 8 else "")
        return (
            f"source model {', '.join(models)} gives {error.what} at images {few} of the selection; "
            f"nothing of this batch is counted; take the model out of zoo {self.zoo.path}, or mend it"
        )

    def describe(self) -> dict[str, Any]:
        """Attack and source models, for the manifest."""
        return {
            "attack": {"name": type(self.attack).__name__, **vars(self.attack)},
            "exact": self.exact,
            "precision": self.model_precision,
            "sources": [{"name": spec.name, "checksum": spec.checksum} for spec in self.sources],
        }
