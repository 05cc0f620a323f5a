"""W&B runs: opened, closed, and found on disk where there is no login."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger

from lit_adv.errors import InputError
from lit_adv.files import check_writable
from lit_adv.terminal import say
from lit_adv.tracking.records import Experiment, default_group, identity


@contextmanager
def refusals() -> Iterator[None]:
    """Turns what W&B raises for a login, a setting or a `WANDB_…` variable that it refuses into an InputError.

    Raises:
        InputError: the block raises such an error.
    """
    import wandb
    from pydantic import ValidationError
    from wandb.sdk.lib.service.service_token import WandbServiceConnectionError

    try:
        yield
    except InputError:
        raise
    except ValidationError as error:
        wrong = [
            f"WANDB_{'_'.join(map(str, one['loc'])).upper()}={one['input']}: {one['msg']}" for one in error.errors()
        ]
        raise InputError(f"W&B: {'; '.join(wrong)}; mend the setting, or leave out --wandb") from error
    except wandb.errors.Error as error:
        raise InputError(f"W&B: {error}") from error
    except WandbServiceConnectionError as error:
        service = os.environ.get("WANDB_SERVICE")
        raise InputError(f"W&B: WANDB_SERVICE={service}: {error}; unset it, or leave out --wandb") from error
    except ValueError as error:
        raise InputError(f"W&B: {error}; unset that variable, or leave out --wandb") from error


def is_offline() -> bool:
    """Tells whether runs are recorded on disk only: by W&B's settings, or because there is no login.

    Raises:
        InputError: W&B refuses a setting or the login.
    """
    import wandb

    with refusals():
        mode = wandb.setup().settings.mode
        if mode != "online" or "WANDB_MODE" in os.environ:
            return mode in ("offline", "dryrun")
        return not wandb.login(prompt=False, verify=False)


def say_where(folder: Path) -> None:
    """Prints where offline records lie and how they are uploaded later."""
    records = folder / "wandb"
    say(f"W&B: offline, recorded in {records}; to upload: wandb sync {records}/offline-run-*")


def open_run(
    experiment: Experiment,
    folder: Path,
    config: Mapping[str, Any],
    *,
    job: Literal["fit", "predict", "test"],
    name: str,
    group: str,
    key: str,
) -> WandbLogger:
    """Opens a W&B run with its records in `folder`/wandb.

    Args:
        experiment: project, and the group if the user named one.
        folder: folder of the run.
        config: settings of the run.
        job: job type.
        name: name of the run.
        group: group of an experiment without one.
        key: identity of the run: started again with the same key, it is the same W&B run.

    Raises:
        InputError: the folder cannot be written, or W&B refuses the run.
    """
    import wandb

    offline = is_offline()
    check_writable(folder / "wandb")
    group = experiment.group or group
    with refusals():
        run = wandb.init(
            project=experiment.project,
            dir=folder,
            id=identity(group, job, str(folder.resolve()), key),
            resume="allow",
            name=name,
            group=group,
            job_type=job,
            config=dict(config),
            mode="offline" if offline else None,
            settings=wandb.Settings(silent=offline, console="off"),
        )
    return WandbLogger(project=experiment.project, save_dir=folder, experiment=run)


@contextmanager
def recorded_fit(
    experiment: Experiment, zoo: Path, data: str, config: Mapping[str, Any], name: str
) -> Iterator[WandbLogger]:
    """Yields the logger of one model's training, whose W&B run ends with the block.

    Args:
        experiment: project and group.
        zoo: folder of the zoo.
        data: name of the data set.
        config: recipe and model.
        name: name of the model.
    """
    group = default_group(data, zoo)
    logger = open_run(experiment, zoo, config, job="fit", name=name, group=group, key=identity(config))
    logger.experiment.define_metric("*", step_metric="trainer/global_step")
    try:
        yield logger
    except BaseException as error:
        logger.experiment.finish(exit_code=exit_code(error))
        raise
    logger.experiment.finish()


def exit_code(error: BaseException) -> int:
    """Returns the exit code with which an error ends the process."""
    return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
