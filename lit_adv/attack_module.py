"""The Lightning shell around source zoo and attack."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from datamodules.replicas import ReplicaBatch
from lit_adv.attacks import Attack
from lit_adv.calibration import calibration
from lit_adv.errors import InputError
from lit_adv.fast import fast_form
from lit_adv.zoo import ModelSpec, Zoo


class AttackModule(pl.LightningModule):
    """Attacks the source models of a zoo, one planned batch at a time.

    Args:
        zoo: the zoo's folder.
        attack: what finds the perturbations.
        sources: use the first so many source models; left out, all.
        exact: attack the models as they are, in place of their `fast_form`.

    Attributes:
        sources: the source models used, in order.

    Raises:
        InputError: the zoo is empty or has fewer sources.
    """

    def __init__(self, zoo: Path, attack: Attack, sources: int | None = None, exact: bool = False) -> None:
        super().__init__()
        self.zoo = Zoo.open(Path(zoo))
        available = self.zoo.sources
        if sources is not None and sources < 1:
            raise InputError(f"sources is {sources}; it must be at least 1, or left out for all")
        if len(available) < (sources or 1):
            raise InputError(
                f"zoo {zoo} has {len(available)} source models, {sources or 1} are needed; train more with --count"
            )
        self.sources: tuple[ModelSpec, ...] = available[:sources]
        self.attack = attack
        self.exact = exact
        # Not a submodule: Lightning broadcasts rank 0's submodules to all processes, and theirs differ.
        self._current: list[tuple[int, nn.Module]] = []

    def setup(self, stage: str) -> None:
        """Opens every source's weights once, so that a bad file is found before the work starts."""
        for spec in self.sources:
            self.zoo.load(spec)

    def source_model(self, position: int) -> nn.Module:
        """The source model at `position`, on the device; only the last one asked for is kept."""
        if not self._current or self._current[0][0] != position:
            self._current.clear()
            model = self.zoo.load(self.sources[position])
            self._current.append((position, (model if self.exact else fast_form(model)).to(self.device)))
        return self._current[0][1]

    def predict_step(self, batch: ReplicaBatch) -> Tensor:
        """The perturbations δ_i(x + z) `[B, C, H, W]` of one batch."""
        # Lightning's default inference mode forbids gradients; tensors made inside it are cloned to leave it.
        with torch.inference_mode(False), torch.enable_grad():
            model = self.source_model(batch.model)
            clean, noisy, label = batch.clean.clone(), batch.noisy.clone(), batch.label.clone()
            same = torch.equal(clean, noisy)
            return self.attack(model, noisy, label, calibration=None if same else calibration(model, clean, noisy))

    def describe(self) -> dict[str, Any]:
        """Attack and source models, for the manifest."""
        return {
            "attack": {"name": type(self.attack).__name__, **vars(self.attack)},
            "exact": self.exact,
            "sources": [{"name": spec.name, "sha256": spec.sha256} for spec in self.sources],
        }
