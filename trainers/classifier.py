"""Lightning module that trains one model of a zoo."""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy

from lit_adv.errors import InputError
from lit_adv.logits import broken_rows, logits_of
from trainers.adversarial import perturbed, squared_gradient
from trainers.checkpoint import not_finite


class Diverged(InputError):
    """A training whose loss, weights or logits are no longer finite."""


class Classifier(pl.LightningModule):
    """Classifier trained by SGD or Adam with a one-cycle learning rate (Smith & Topin 2019).

    With `adversarial`, loss and training accuracy are those of the perturbed images.

    Args:
        network: network from `[B, C, H, W]` in [0, 1] to logits `[B, K]`.
        classes: K, number of classes.
        learning_rate: peak of the schedule.
        weight_decay: weight decay of all parameters.
        label_smoothing: label smoothing of the cross-entropy, 0 ≤ value < 1.
        augment: move and mirror the images, see `moved_and_mirrored`.
        optimizer: `sgd`, with Nesterov momentum 0.9, or `adam`.
        adversarial: ε of adversarial training, see `trainers.adversarial.perturbed`; 0 for none.
        adversarial_steps: steps of its attack.
        gradient_penalty: weight of `trainers.adversarial.squared_gradient` in the loss; 0 for none.
    """

    def __init__(
        self,
        network: nn.Module,
        classes: int,
        *,
        learning_rate: float,
        weight_decay: float,
        label_smoothing: float = 0.0,
        augment: bool = False,
        optimizer: str = "sgd",
        adversarial: float = 0.0,
        adversarial_steps: int = 7,
        gradient_penalty: float = 0.0,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.optimizer = optimizer
        self.adversarial = adversarial
        self.adversarial_steps = adversarial_steps
        self.gradient_penalty = gradient_penalty
        self.accuracy = MulticlassAccuracy(classes, average="micro")
        self.train_accuracy = MulticlassAccuracy(classes, average="micro")

    def on_train_epoch_start(self) -> None:
        self.losses = torch.zeros((), device=self.device)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, labels = batch
        images = moved_and_mirrored(images) if self.augment else images
        if self.adversarial:
            images = perturbed(self.network, images, labels, self.adversarial, self.adversarial_steps)
        images = images.contiguous(memory_format=torch.channels_last)
        if self.gradient_penalty:
            images = images.detach().requires_grad_()
        logits = logits_of(self.network(images), len(images))
        loss = functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        if self.gradient_penalty:
            loss = loss + self.gradient_penalty * squared_gradient(loss, images)
        self.losses += loss.detach()
        if self.trainer.loggers:
            self.train_accuracy(logits, labels)
            self.log("train_loss", loss, on_step=True, on_epoch=False)
            self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """Ends a training that diverged, before its checkpoint is written.

        Raises:
            Diverged: the loss of a step, or a weight, is NaN or infinite.
        """
        broken = ["the loss"] if not self.losses.isfinite() else not_finite(self.state_dict())
        if broken:
            raise Diverged(f"{broken[0]} is not finite in epoch {self.current_epoch + 1} of {self.trainer.max_epochs}")

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Counts the right answers.

        Raises:
            Diverged: some of the logits are NaN or infinite.
        """
        images, labels = batch
        logits = logits_of(self.network(images), len(images))
        if broken_rows(logits):
            raise Diverged("logits of test images are not finite after the last epoch")
        self.accuracy(logits, labels)
        self.log("accuracy", self.accuracy, on_epoch=True)

    def configure_optimizers(self) -> Any:
        optimizer: torch.optim.Optimizer
        if self.optimizer == "adam":
            optimizer = torch.optim.Adam(self.parameters(), self.learning_rate, weight_decay=self.weight_decay)
        else:
            optimizer = torch.optim.SGD(
                self.parameters(), self.learning_rate, momentum=0.9, nesterov=True, weight_decay=self.weight_decay
            )
        steps = int(self.trainer.estimated_stepping_batches)
        rising = 0.25 if steps != 4 else 0.5  # torch divides by 0 where the rise would end in the first step
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.learning_rate, total_steps=steps, pct_start=rising
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def moved_and_mirrored(images: Tensor) -> Tensor:
    """Moves each image by up to an eighth of its side, black coming in, and mirrors it with probability one half.

    Args:
        images: `[B, C, H, W]`.

    Returns:
        Images of the same shape, by draws from torch's global generator.
    """
    count, _, height, width = images.shape
    by = height // 8
    padded = functional.pad(images, (by, by, by, by))
    place = {"device": images.device}
    rows = torch.randint(2 * by + 1, (count, 1), **place) + torch.arange(height, **place)  # type: ignore[call-overload]
    columns = torch.randint(2 * by + 1, (count, 1), **place) + torch.arange(width, **place)  # type: ignore[call-overload]
    mirrored = torch.rand(count, 1, **place) < 0.5  # type: ignore[call-overload]
    columns = torch.where(mirrored, columns.flip(1), columns)
    sample = torch.arange(count, **place)[:, None, None]  # type: ignore[call-overload]
    return padded.permute(0, 2, 3, 1)[sample, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
