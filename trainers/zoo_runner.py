"""Trains the models of a zoo that are not there yet, on all devices of one machine."""

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from filelock import FileLock, Timeout
from torch import multiprocessing

from datamodules.labelled import Labelled
from lit_adv.errors import InputError
from lit_adv.files import check_writable, expanded
from lit_adv.terminal import say
from lit_adv.tracking.records import Experiment
from lit_adv.tracking.wandb_run import is_offline, say_where
from lit_adv.zoo.folder import manifests
from lit_adv.zoo.model_spec import read_spec
from lit_adv.zoo.zoo import Zoo
from trainers.architecture import check_architecture
from trainers.classifier import Diverged
from trainers.lightning_options import NO_OPTIONS, check_trainer, quieten, uses_gpu
from trainers.recipe import ModelPlan, Recipe, difference, is_finished
from trainers.stopped import run_processes
from trainers.train_model import train_model

LOCK: Final = ".training.lock"
"""File in a zoo's folder that a training holds; its end, however it comes, frees it."""


def train_zoo(
    recipe: Recipe,
    models: Sequence[ModelPlan],
    load: Callable[[], Labelled],
    out: Path,
    processes: int | None = None,
    experiment: Experiment | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
    trust: Collection[str] = (),
) -> Zoo:
    """Trains the models that are not in `out` yet.

    Finished models are not changed, and a model's training continues after its last whole epoch. So an interrupted run
    continues where it stopped, and a zoo can grow. A model whose training diverges is left out, the others are trained.

    Args:
        recipe: settings of the zoo.
        models: models that the zoo shall have.
        load: function that loads the images; called only if there is a model to train.
        out: folder of the zoo.
        processes: number of models that train side by side; by default one for each GPU, else one for each core.
        experiment: W&B project of each model's record; by default there is no record.
        options: options of Lightning's trainer that change no weights, such as `logger`.
        trust: packages whose code may run, where architectures are of them.

    Raises:
        InputError: a number is below 1, an architecture is unknown, the data or the folder cannot be used, `out`
            holds models of another recipe, another training is at work there, or a model's training diverged.
    """
    if processes is not None and processes < 1:
        raise InputError(f"processes is {processes}; it must be at least 1")
    data_set = recipe.data_set
    out = expanded(out)
    if out.is_dir() and manifests(out):
        Zoo.open(out, trust)  # what is wrong in it is said before the work, not after it
    todo: list[ModelPlan] = []
    for model in models:
        if not is_finished(out, model.name):
            if not todo or (todo[-1].architecture, todo[-1].arguments) != (model.architecture, model.arguments):
                check_architecture(model.architecture, model.arguments, data_set, trust)
            todo.append(model)
        elif differs := difference(read_spec(out / f"{model.name}.json", trust), recipe, model):
            raise InputError(
                f"zoo {out}: {model.name} was trained with {differs}; choose another --out or the same settings"
            )
    say(f"zoo {out}: {len(models) - len(todo)} of {len(models)} models are there, {len(todo)} to train", sys.stdout)
    if todo:
        check_trainer(recipe, options, out)
        data = load()
        data.refuse_missing(data_set.class_names())
        check_writable(out)
        lock = FileLock(out / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise InputError(f"zoo {out}: another training is at work in it; wait for it, or stop it") from error
        except OSError as error:
            raise InputError(f"cannot write {out / LOCK}: {error.strerror or error}") from error
        arrays = [t.numpy() for t in (data.train_images, data.train_labels, data.test_images, data.test_labels)]
        workers = min(processes or (torch.cuda.device_count() if uses_gpu(options) else cores()), len(todo))
        refused = multiprocessing.get_context("spawn").SimpleQueue()
        try:
            arguments = (refused, os.getpid(), workers, recipe, todo, arrays, out, experiment, dict(options))
            run_processes(_report_input_errors, arguments, workers)
        except multiprocessing.ProcessRaisedException as error:
            if refused.empty():
                raise
            raise InputError(refused.get()) from error
        finally:
            lock.release()
        if not refused.empty():
            raise InputError(_lost(refused.get(), [model.name for model in todo if not is_finished(out, model.name)]))
    return Zoo.open(out, trust)


def _lost(first: str, names: list[str]) -> str:
    others = f" ({len(names)} models did: {', '.join(names[:8])}{' …' * (len(names) > 8)})" if names[1:] else ""
    return f"{first}{others}: not kept; train with a smaller learning_rate into another --out; all others are kept"


def cores() -> int:
    """Counts the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _report_input_errors(rank: int, refused: "multiprocessing.SimpleQueue[str]", *arguments: Any) -> None:
    """Does a process's work, and puts an InputError's message in `refused`: `spawn` hands on only a traceback."""
    try:
        if diverged := _work(rank, *arguments):
            refused.put(diverged)
    except InputError as error:
        refused.put(str(error))
        raise


def _work(
    rank: int,
    parent: int,
    workers: int,
    recipe: Recipe,
    todo: list[ModelPlan],
    arrays: list[Any],
    out: Path,
    experiment: Experiment | None,
    options: Mapping[str, Any],
) -> str:
    """Trains every `workers`-th model; returns how the first that diverged did so, or nothing."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    data = Labelled(*map(torch.from_numpy, arrays))  # as arrays: shared tensors would need a large /dev/shm
    quieten()
    torch.set_num_threads(max(1, cores() // workers))
    if experiment is not None and rank == 0 and is_offline():
        say_where(out)
    started = time.monotonic()
    mine = todo[rank::workers]
    diverged = ""
    for position, model in enumerate(mine):
        begun = time.monotonic()
        try:
            spec = train_model(recipe, model, data, out, rank, experiment, options)
        except Diverged as error:
            diverged = diverged or f"{model.name} diverged, {error}"
            say(f"{model.name} diverged, {error}: not kept", sys.stdout)
            continue
        left = (time.monotonic() - started) / (position + 1) * (len(mine) - position - 1)
        say(
            f"{spec.name} ({spec.role}): {100 * spec.training['accuracy']:.2f} % "
            f"of {len(data.test_labels)} test images, {time.monotonic() - begun:.0f} s, about {left:.0f} s left",
            sys.stdout,
        )
    return diverged


def _end_with(parent: int) -> None:
    """Ends this process once its parent has been killed; otherwise it would disturb the next start."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
