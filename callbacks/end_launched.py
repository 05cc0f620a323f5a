"""No process stays behind when the first one fails."""

import pytorch_lightning as pl

from lit_adv.processes import Launched


class EndLaunched(pl.Callback):
    """Ends the processes that Lightning launched when the first one fails before anything else watches them."""

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        Launched(trainer.strategy.launcher, "").terminate()
