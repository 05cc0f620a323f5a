"""Options of Lightning's trainer with which the models of a zoo are trained."""

import inspect
import logging
import warnings
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytorch_lightning as pl
import torch
from jsonargparse import ArgumentParser
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import CSVLogger

from lit_adv.errors import InputError
from trainers.recipe import Recipe

CHANGE_NOTHING: Final = (
    "accelerator",
    "devices",
    "logger",
    "log_every_n_steps",
    "default_root_dir",
    "enable_progress_bar",
    "enable_model_summary",
)
"""Options with which a training gives the same model."""
CHANGE_WEIGHTS: Final = (
    "precision",
    "gradient_clip_val",
    "gradient_clip_algorithm",
    "accumulate_grad_batches",
    "limit_train_batches",
    "deterministic",
    "benchmark",
    "callbacks",
)
"""Options that a recipe records; `max_epochs` is a field of its own."""
OPTIONS: Final = frozenset({"max_epochs", *CHANGE_NOTHING, *CHANGE_WEIGHTS})
"""All that `fit` takes. Others end a training early, leave test images out, or share one model among devices."""
DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType({"enable_progress_bar": False, "enable_model_summary": False})
NO_OPTIONS: Final[Mapping[str, Any]] = MappingProxyType({})


def add_trainer_options(parser: ArgumentParser) -> None:
    """Gives a parser the options below `trainer` that `fit` takes."""
    others = {name for name in inspect.signature(pl.Trainer).parameters if name not in OPTIONS}
    parser.add_class_arguments(pl.Trainer, "trainer", skip=others, instantiate=False, fail_untyped=False)
    parser.set_defaults({f"trainer.{name}": value for name, value in {**DEFAULTS, "logger": False}.items()})


def split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parts options that differ from Lightning's defaults into those that a recipe records, and those that it does not.

    Raises:
        InputError: an option is none that `fit` takes, or asks for several devices.
    """
    if unknown := sorted(options.keys() - OPTIONS):
        raise InputError(f"the trainer's {unknown[0]} is no option of fit; it takes {', '.join(sorted(OPTIONS))}")
    if options.get("devices", "auto") not in ("auto", 1, "1"):
        raise InputError(
            f"the trainer's devices is {options['devices']}; each model trains on one device: leave it out, and "
            "--processes tells how many train side by side (CUDA_VISIBLE_DEVICES which GPUs they use)"
        )
    standard = inspect.signature(pl.Trainer).parameters
    given = {name: value for name, value in options.items() if value != standard[name].default and value is not None}
    given.pop("devices", None)
    weights: dict[str, Any] = {name: value for name, value in given.items() if name in CHANGE_WEIGHTS}
    return weights, {name: value for name, value in given.items() if name in CHANGE_NOTHING}


def uses_gpu(options: Mapping[str, Any]) -> bool:
    """Whether models train on GPUs of CUDA."""
    return options.get("accelerator", "auto") in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def trainer_settings(recipe: Recipe, options: Mapping[str, Any], device: int, root: Path) -> dict[str, Any]:
    """Returns the arguments of Lightning's trainer for one model, with lists of callbacks and loggers.

    Args:
        recipe: settings of the zoo.
        options: options that change no weights.
        device: number of the GPU, modulo the number of GPUs; unused without one.
        root: folder of Lightning's records where the options name no other.

    Raises:
        InputError: a logger or callback cannot be made.
    """
    gpu = uses_gpu(options)
    accelerator = options.get("accelerator", "auto")
    settings = {
        **DEFAULTS,
        "precision": "bf16-mixed" if gpu and recipe.reduced else "32-true",
        "default_root_dir": root,
        **_instantiated({"callbacks": [], "logger": False, **recipe.trainer, **options}),
        "max_epochs": recipe.epochs,
        "accelerator": ("gpu" if gpu else "cpu") if accelerator == "auto" else accelerator,
        "devices": [device % torch.cuda.device_count()] if gpu else 1,
    }
    if settings["logger"] is True:
        settings["logger"] = CSVLogger(settings["default_root_dir"], name="")
    for name in ("callbacks", "logger"):
        one_or_more = settings[name] or []
        settings[name] = list(one_or_more) if isinstance(one_or_more, list | tuple) else [one_or_more]
    return settings


def check_trainer(recipe: Recipe, options: Mapping[str, Any], out: Path) -> None:
    """Tries the options before work begins.

    Raises:
        InputError: Lightning refuses them.
    """
    quieten()
    try:
        pl.Trainer(**trainer_settings(recipe, options, 0, out))
    except InputError:
        raise
    except (RuntimeError, ValueError, TypeError, KeyError, ImportError, MisconfigurationException) as error:
        raise InputError(f"Lightning's trainer refuses these options: {error}") from error


def quieten() -> None:
    """Lets Lightning say in this process only what is wrong."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


def _instantiated(options: Mapping[str, Any]) -> dict[str, Any]:
    """Makes objects of the entries `{class_path, init_args}`."""
    if not any(isinstance(value, dict | list) and value for value in options.values()):
        return dict(options)
    parser = ArgumentParser(exit_on_error=False)
    add_trainer_options(parser)
    parsed = parser.parse_object({"trainer": deepcopy(dict(options))})  # it changes what it is given
    made = parser.instantiate_classes(parsed).trainer
    return {name: made[name] for name in options}
