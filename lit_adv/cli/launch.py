"""Launch environments: what keeps the processes of a run from finding each other."""

import os
import socket
from typing import Final

import pytorch_lightning as pl
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities import rank_zero_only
from pytorch_lightning.strategies import DDPStrategy

from lit_adv.errors import InputError

LAST_PORT: Final = 65535


def refuse_launch(trainer: pl.Trainer) -> None:
    """Refuses a trainer whose processes could not find each other; lets a single one be the first.

    Raises:
        InputError: devices and nodes are others than the launcher's, or the address or port of the first process is no
            good; the message names the variable.
    """
    if not isinstance(trainer.strategy, DDPStrategy) or (environment := trainer.strategy.cluster_environment) is None:
        rank_zero_only.rank = 0  # type: ignore[attr-defined]  # else a RANK left over from another run silences it
        return
    try:
        environment.validate_settings(trainer.num_devices, trainer.num_nodes)
        address = environment.main_address
    except (ValueError, KeyError) as error:
        raise InputError(f"the variables of the launcher do not suit this run: {error}") from error
    given = os.environ.get("MASTER_PORT")
    if given is not None and not (given.isdecimal() and 0 < int(given) <= LAST_PORT):
        raise InputError(f"MASTER_PORT is {given!r}; it must be a number from 1 to {LAST_PORT}, or left out")
    if isinstance(environment, LightningEnvironment) and "LOCAL_RANK" in os.environ and given is None:
        raise InputError(
            "LOCAL_RANK is set, as by a launcher, but MASTER_PORT is not, so that the processes could not meet; unset "
            "LOCAL_RANK, or set MASTER_ADDR and MASTER_PORT"
        )
    try:
        socket.getaddrinfo(address, environment.main_port)
    except OSError as error:
        raise InputError(
            f"the first process's address {address!r} cannot be found ({error}); mend MASTER_ADDR"
        ) from error
