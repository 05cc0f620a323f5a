"""Options of Lightning's trainer that would change numbers, or leave images out, unseen."""

from collections.abc import Mapping
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.strategies import DDPStrategy, SingleDeviceStrategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from lit_adv.errors import InputError
from lit_adv.logits import refuse_autocast

WHOLE: Final[Mapping[str, Any]] = {
    "fast_dev_run": False,  # before the limits that it sets
    "limit_predict_batches": 1.0,
    "limit_test_batches": 1.0,
    "overfit_batches": 0.0,
}
"""Attribute of a trainer to the value that leaves no batch out."""


def refuse_options(trainer: pl.Trainer) -> None:
    """Refuses a trainer that would change numbers or leave work out without a trace in the results.

    Raises:
        InputError: an option of its is such; the message says what to do.
    """
    plugin = trainer.precision_plugin
    if type(plugin) is not Precision:
        raise InputError(
            f"the trainer's precision is {plugin.precision}; leave --trainer.precision out: attacks and judges compute "
            "in float32, and --model.precision bf16 of predict runs the attacked models in bfloat16"
        )
    for name, whole in WHOLE.items():
        value = getattr(trainer, name)
        if value != whole or isinstance(value, int) > isinstance(whole, int):  # a limit of 1 is one batch, 1.0 is all
            raise InputError(
                f"the trainer's {name} is {value}, which leaves batches out; leave it out, and choose fewer images "
                "with --data.per_class of predict"
            )
    if any(isinstance(callback, Timer) for callback in trainer.callbacks):  # type: ignore[attr-defined]
        raise InputError(
            "the trainer's max_time ends training only; leave it out, and stop with SIGTERM, as `timeout 2h lit-adv …` "
            "does: the same command then goes on"
        )
    if torch.backends.cudnn.benchmark:
        raise InputError(
            "cuDNN's benchmark mode is on, which chooses algorithms by the time they take, so that nothing can be made "
            "again to the same bits; leave --trainer.benchmark out"
        )
    if torch.get_default_dtype() != torch.float32:
        raise InputError(f"torch's default type is {torch.get_default_dtype()}; set it to torch.float32")
    _refuse_strategy(trainer)
    refuse_autocast(trainer.strategy.root_device)


def _refuse_strategy(trainer: pl.Trainer) -> None:
    strategy = trainer.strategy
    launcher = strategy.launcher
    known = isinstance(strategy, SingleDeviceStrategy) or type(strategy) is DDPStrategy
    if not known or not (launcher is None or isinstance(launcher, _SubprocessScriptLauncher)):
        name = getattr(strategy, "_start_method", "") if known else type(strategy).__name__
        raise InputError(f"the trainer's strategy is {name}; use ddp, or leave --trainer.strategy out")
    sampler = trainer._accelerator_connector.use_distributed_sampler
    if trainer.world_size > 1 and sampler:
        raise InputError(
            "use_distributed_sampler is true, which would share the work out a second time; set "
            "--trainer.use_distributed_sampler to false"
        )
