"""Lightning module that trains a map from images to averages."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional

from lit_adv.attacks.unet import UNet
from trainers.checkpoint import not_finite
from trainers.classifier import Diverged


class MapModule(pl.LightningModule):
    """Raises the cosine of a U-Net's pictures with the averages, by Adam with a one-cycle learning rate.

    Args:
        network: the U-Net.
        learning_rate: peak of the schedule.
    """

    def __init__(self, network: UNet, learning_rate: float) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, averages = batch
        loss = 1 - functional.cosine_similarity(self.network(images).flatten(1), averages.flatten(1)).mean()
        if self.trainer.loggers:
            self.log("train_loss", loss, on_step=True, on_epoch=False)
        return loss

    def on_train_epoch_end(self) -> None:
        """Ends a training that diverged, before its checkpoint is written.

        Raises:
            Diverged: a weight is NaN or infinite.
        """
        if broken := not_finite(self.state_dict()):
            raise Diverged(f"{broken[0]} is not finite; train with a smaller learning rate")

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), self.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        rising = 0.25 if steps != 4 else 0.5  # torch divides by 0 where the rise would end in the first step
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=steps, pct_start=rising
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
