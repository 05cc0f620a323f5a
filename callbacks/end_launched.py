"""No process stays behind when the first one fails."""

import os

import pytorch_lightning as pl

from lit_adv.processes import LAUNCHER, Launched


class EndLaunched(pl.Callback):
    """Ends the processes that Lightning launches when the first one fails before anything else watches them.

    To be made just before the run; the processes learn who launches them, see `lit_adv.processes.end_with_launcher`.
    """

    def __init__(self) -> None:
        os.environ[LAUNCHER] = str(os.getpid())

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        os.environ.pop(LAUNCHER, None)

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        os.environ.pop(LAUNCHER, None)
        Launched(trainer.strategy.launcher, "").terminate()
