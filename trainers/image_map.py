"""Training of a map from images to averages, as `lit-adv fit --config mnist-map` starts it."""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor
from torch.nn import functional

from datamodules.averages import Averages
from lit_adv.attacks.map import save_map, unit
from lit_adv.attacks.unet import Sees, UNet
from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import Z
from lit_adv.files import atomic_path, check_writable, read_json, sha256, write_json
from lit_adv.logits import first_few
from lit_adv.perturbations.manifest import versions
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.terminal import say
from trainers.checkpoint import NAME, AtomicCheckpoint, Draws, usable_checkpoint
from trainers.lightning_options import check_trainer, quieten, split, trainer_settings
from trainers.map_module import MapModule
from trainers.recipe import Recipe
from trainers.stopped import stopped_in_words
from trainers.train_model import EpochLine

WEIGHTS: Final = "map.safetensors"
MANIFEST: Final = "map.json"
UNFINISHED: Final = "unfinished"
LOGS: Final = "logs"
"""Where the trainer's own options write, such as a profiler."""
EPOCHS: Final = 20
MOST: Final = 1_000_000
"""Most weights of a map: it shall cost less than what it stands for."""
BATCH: Final = 500
"""Images of a pass that trains nothing."""


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """The map, a U-Net, and its training by Adam with a one-cycle learning rate.

    Args:
        width: channels of the first level; each further one has twice as many.
        levels: how often the sides are halved; with 0 each pixel is drawn from the 5×5 around it.
        sees: image, or edges: only the magnitude of the image's Sobel gradient, a control.
        learning_rate: peak of the one-cycle schedule.
        batch_size: images in a training step.
    """

    width: int = 16
    levels: int = 2
    sees: Sees = "image"
    learning_rate: float = 0.003
    batch_size: int = 64

    def __post_init__(self) -> None:
        if self.width < 1 or not 0 <= self.levels <= 5:
            raise InputError(f"width is {self.width} and levels {self.levels}; give 1 or more, and 0 to 5")


def fit_map(
    settings: MapSettings,
    found: Path,
    out: Path,
    trainer: Mapping[str, Any],
    test: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Trains a map on a perturbation set, unless it is in `out`; continues after the last whole epoch.

    Args:
        settings: of the map and its training.
        found: folder of the set: untargeted averages of many images.
        out: folder of `map.safetensors` and `map.json`.
        trainer: options of Lightning's trainer.
        test: folder of a set of other images, to measure the cosine on; by default every tenth image is kept out.
        seed: of the first weights and the order of the images.

    Returns:
        What is in `map.json`.

    Raises:
        InputError: a set or an option makes no sense, the training diverged, or `out` holds another map or
            other files.
    """
    learnt, tested = PerturbationSet.load(found), None if test is None else PerturbationSet.load(test)
    data = Averages(learnt, tested, settings.batch_size)
    weights, others = split(trainer)
    recipe = Recipe(
        data=learnt.manifest.data.name,
        source=learnt.manifest.sha256,
        seed=seed,
        epochs=EPOCHS if trainer.get("max_epochs") is None else trainer["max_epochs"],
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=0.0,
        optimizer="adam",
        trainer=weights,
    )
    arguments = {"channels": learnt.image.shape[1], **{n: getattr(settings, n) for n in ("width", "levels", "sees")}}
    asked = {"recipe": recipe.recorded(), "map": arguments, "test": "" if tested is None else tested.manifest.sha256}
    if (out / MANIFEST).is_file():
        made: dict[str, Any] = read_json(out / MANIFEST)
        if {name: made.get(name) for name in asked} != json.loads(json.dumps(asked)):
            raise InputError(f"{out} holds a map of other settings or sets; choose another --out")
        say(f"map {out}: it is there", sys.stdout)
        return made
    names = {path.name for path in out.glob("*") if not path.name.startswith(".")}
    if strays := sorted(names - {WEIGHTS, MANIFEST, UNFINISHED, LOGS}):
        raise InputError(
            f"{out} holds {first_few(strays)} already; a map takes a folder of its own: choose another --out"
        )
    check_trainer(recipe, others, out)
    check_writable(out)
    quieten()
    torch.manual_seed(seed)
    network = UNet(**arguments)
    if (count := sum(weight.numel() for weight in network.parameters())) > MOST:
        raise InputError(f"the map has {count:,} weights; give a smaller --map.width, so that it has at most {MOST:,}")
    say(f"map {out}: {count:,} weights, {len(data.train.label)} images", sys.stdout)
    _train(MapModule(network, settings.learning_rate), data, recipe, others, out, json.dumps(asked))
    with atomic_path(out / WEIGHTS) as temporary:
        save_map(network.cpu(), arguments, temporary)
    made = {
        **asked,
        "set": str(found),
        "weights": count,
        "images": len(data.train.label),
        **_judged(network.eval(), data.kept),
        "versions": versions(),
        "sha256": sha256(out / WEIGHTS),
    }
    write_json(out / MANIFEST, made)
    shutil.rmtree(out / UNFINISHED)
    return made


def say_cosine(made: Mapping[str, Any]) -> None:
    """Prints the map's cosine on new images in a line."""
    mean, low, high = made["cosine"]
    ceiling = "" if made["ceiling"] is None else f"; the ceiling √ρ is {made['ceiling']:.3f}"
    say(
        f"cosine with the averages of {made['tested']} new images {mean:.3f} [{low:.3f}, {high:.3f}]{ceiling}",
        sys.stdout,
    )


def cosines(network: UNet, found: PerturbationSet) -> Tensor:
    """Returns the cosines `[N]` of a map's pictures with the averages of a set."""
    with torch.no_grad():
        drawn = torch.cat([network(some) for some in found.image.split(BATCH)])
    return functional.cosine_similarity(drawn.flatten(1), unit(found.perturbation.double()).float().flatten(1))


def _train(
    module: MapModule, data: Averages, recipe: Recipe, options: Mapping[str, Any], out: Path, asked: str
) -> None:
    unfinished = out / UNFINISHED / hashlib.sha256(asked.encode()).hexdigest()[:8]
    settings = trainer_settings(recipe, options, 0, out / LOGS)
    settings["callbacks"] = [
        EpochLine("map"),
        Draws(),
        ModelCheckpoint(unfinished, NAME, save_top_k=1, enable_version_counter=False),
        *settings["callbacks"],
    ]
    trainer = pl.Trainer(**settings, plugins=[AtomicCheckpoint()])
    with stopped_in_words():
        trainer.fit(module, datamodule=data, ckpt_path=usable_checkpoint(unfinished, module), weights_only=True)


def _judged(network: UNet, kept: PerturbationSet) -> dict[str, Any]:
    """Measures the map on new images: the mean cosine with its 95 % interval, and the ceiling √ρ."""
    found = cosines(network, kept)
    mean = float(found.mean())
    half = Z * float(found.std()) / sqrt(len(found)) if len(found) > 1 else 0.0
    known = Reliability.known(kept)
    return {
        "tested": len(found),
        "cosine": [mean, mean - half, mean + half],
        "ceiling": None if known is None else sqrt(max(known.rho, 0.0)),
    }
