"""Learning from perturbations (thesis 6.4; Ilyas et al. 2019; Kumano et al. 2024): fresh networks, clean tests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn

from datamodules.labelled import Labelled
from datamodules.like_mnist import load_like_mnist
from datamodules.mnist import load_mnist
from lit_adv.errors import InputError
from lit_adv.evaluation.intervals import two_way_change_interval, two_way_interval
from lit_adv.files import write_json
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from trainers.fit import OTHERWISE, SUITED
from trainers.lessons import Lesson, size_of, spoken_for
from trainers.models import numbered_models
from trainers.recipe import ModelPlan, Recipe
from trainers.zoo_runner import train_zoo

BATCH: Final = 500
"""Images of a pass that trains nothing."""


@dataclass(frozen=True)
class Learner:
    """How the fresh networks are made.

    Attributes:
        recipe: of their training.
        models: the networks.
        processes: how many train side by side; None for one on each core.
        trust: packages whose code may run.
    """

    recipe: Recipe
    models: Sequence[ModelPlan]
    processes: int | None = None
    trust: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        zoo: Path | None,
        data: str,
        count: int,
        seed: int,
        trust: Sequence[str] = (),
        changes: Mapping[str, Any] = MappingProxyType({}),
    ) -> "Learner":
        """Returns that which makes networks like a zoo's first model; without a zoo, as `mnist-zoo` makes them.

        `changes` are fields of `Recipe` that take the place of theirs, such as `weight_decay`.

        Raises:
            InputError: the zoo was not trained here or on other data, or a number is out of range.
        """
        if count < 1:
            raise InputError(f"count is {count}; it must be at least 1")
        if zoo is None:
            suited = {**OTHERWISE, **SUITED[("mnist", "digits")]}
            width = {"width": suited.pop("width")}
            recipe = Recipe(data=data, source="", seed=seed, learning_rate=0.1, **suited)
            return cls(replace(recipe, **changes), numbered_models(count, 0, "vgg16_like", width), None, trust)
        first = Zoo.open(zoo, trust).models[0]
        if not first.training:
            raise InputError(f"zoo {zoo}: {first.name} was not trained by lit-adv fit; name a zoo that has a recipe")
        first.refuse_data(data)
        recipe = replace(Recipe(**first.training["recipe"]), **{"seed": seed, "snapshots": (), **changes})
        return cls(recipe, numbered_models(count, 0, first.architecture, first.arguments), None, trust)

    def trained(self, images: Tensor, labels: Tensor, clean: Labelled, source: str, out: Path) -> Zoo:
        """Trains the networks on images `[N, C, H, W]`, unless they are in `out`; `source` says what the images are."""
        data = Labelled(images, labels, clean.test_images, clean.test_labels)
        recipe = replace(self.recipe, source=source)
        return train_zoo(recipe, self.models, lambda: data, out, self.processes, trust=self.trust)


@dataclass(frozen=True)
class Learned:
    """What the networks of one row make of clean test images.

    Attributes:
        what: set, sizes, input and control, as JSON values.
        right: `[networks, N]` bool, as they are.
        adapted: likewise, with the statistics of their batch normalisation measured on clean training images.
        fitted: `[networks]`, share of the images that they were trained on to which they give the wanted class.
    """

    what: dict[str, Any]
    right: Tensor
    adapted: Tensor
    fitted: Tensor

    def to_json(self, first: "Learned | None") -> dict[str, Any]:
        """The row of the table, with paired changes since the row of the smallest average."""
        found: dict[str, Any] = {**self.what, "networks": len(self.right), "images": self.right.shape[1]}
        found["fitted"] = float(self.fitted.mean())
        for name in ("right", "adapted"):
            mine = getattr(self, name).double()
            found[name] = [float(mine.mean()), *two_way_interval(mine)]
            if first is not None:
                change = mine - getattr(first, name).double()
                found[f"{name}_gain"] = [float(change.mean()), *two_way_change_interval(change)]
        return found


def relearn(
    sets: Sequence[Path],
    out: Path,
    lessons: Sequence[Lesson],
    learner: Learner,
    sizes: Sequence[tuple[int, int]] = (),
    root: Path | None = None,
    own: Sequence[Path] = (),
) -> list[dict[str, Any]]:
    """Trains networks on perturbations with their targets as labels, and tests them on clean images.

    The controls are shuffled perturbations of each set's largest average, and clean images with their own labels. What
    is trained stays in `out`, and the same call continues it; `relearn.json` has the rows so far.

    Args:
        sets: folders of targeted perturbation sets of training images.
        out: folder of the networks and of `relearn.json`.
        lessons: what the perturbations are turned into.
        learner: how networks are made.
        sizes: numbers of models and copies of the averages; by default one model with one copy, all models with one
            copy, all, as far as the set keeps them.
        root: folder of the clean images, where these are files.
        own: folders of untargeted sets of some of the same images, one for each of `sets`, see `lessons.spoken_for`.

    Returns:
        The rows of `relearn.json`.

    Raises:
        InputError: a set is untargeted, of other images than training images, or keeps no such average; or `own` does
            not suit the sets.
    """
    if own and len(own) != len(sets):
        raise InputError(f"own: {len(own)} sets for {len(sets)} targeted ones; give one for each, in their order")
    rows: list[dict[str, Any]] = []
    loaded = [(folder, PerturbationSet.load(folder)) for folder in sets]
    clean = [_clean(folder, found, root) for folder, found in loaded]
    owns = [PerturbationSet.load(folder) for folder in own] if own else [None] * len(loaded)
    opened = [(folder, found, other) for (folder, found), other in zip(loaded, owns, strict=True)]
    chosen = [list(sizes) or _sizes(found) for _, found in loaded]
    for (_, found, other), wanted in zip(opened, chosen, strict=True):
        for size in wanted:
            spoken_for(found, other, *size)  # before any training
    ceilings: set[str] = set()
    for one, data, wanted in zip(opened, clean, chosen, strict=True):
        for row in _rows(*one, data, wanted, lessons, learner, out, ceilings):
            rows.append(row)
            write_json(out / "relearn.json", rows)
    return rows


def _rows(
    folder: Path,
    found: PerturbationSet,
    own: PerturbationSet | None,
    clean: Labelled,
    sizes: Sequence[tuple[int, int]],
    lessons: Sequence[Lesson],
    learner: Learner,
    out: Path,
    ceilings: set[str],
) -> Iterator[dict[str, Any]]:
    mark = "-".join(one.manifest.sha256[:8] for one in (found, own) if one)
    for lesson in lessons:
        first: Learned | None = None
        controls = [(sizes[-1], replace(lesson, shuffled=True))]
        for (m, n), kind in [*((size, lesson) for size in sizes), *controls]:
            source = f"{found.name} {mark} {m}x{n} {kind}"
            delta, classes = spoken_for(found, own, m, n)
            images = kind.images(found.image, delta)
            zoo = learner.trained(images, classes, clean, source, out / f"{folder.name}-{mark}-{m}x{n}-{kind}")
            control = "shuffled" if kind.shuffled else ""
            what = {"set": str(folder), "sha256": found.manifest.sha256, "name": found.name, "models": m, "copies": n}
            what |= {"own": own.manifest.sha256} if own else {}
            row = _learned(
                zoo, images, classes, clean, {**what, "input": kind.input, "lesson": str(kind), "control": control}
            )
            yield row.to_json(None if kind.shuffled else first)
            first = first or row
    images_mark = found.manifest.data.sha256[:8]
    if images_mark not in ceilings:
        ceilings.add(images_mark)
        zoo = learner.trained(found.image, found.label, clean, f"clean {images_mark}", out / f"clean-{images_mark}")
        yield _learned(
            zoo, found.image, found.label, clean, {"set": str(folder), "name": "clean images", "control": "clean"}
        ).to_json(None)


def _sizes(found: PerturbationSet) -> list[tuple[int, int]]:
    m, n = size_of(found)
    grown = found.kept is not None and found.kept.cells.growth
    return list(dict.fromkeys([(1, 1), (m, 1), (m, n)])) if grown else [(m, n)]


def _clean(folder: Path, found: PerturbationSet, root: Path | None) -> Labelled:
    """Loads the clean images of a set's data set; refuses a set that would make the test dishonest."""
    record = found.manifest.data
    if found.target is None:
        raise InputError(
            f"{folder} is untargeted, and has no labels to learn; make it with a targeted configuration and "
            "--data.targets random --data.split training"
        )
    if record.name not in ("mnist", "fashionmnist", "kmnist"):
        raise InputError(f"{folder} is of {record.name}; relearn knows mnist, fashionmnist and kmnist")
    source = record.details.get("source")
    data = load_mnist(source, root) if record.name == "mnist" else load_like_mnist(record.name, source, root)  # type: ignore[arg-type]
    index = torch.tensor(record.images)
    if int(index.max()) >= len(data.train_images) or not torch.equal(data.train_images[index], found.image):
        raise InputError(
            f"{folder} is not of training images, so that clean test images would not be new to a network; make it "
            "with --data.split training"
        )
    return data


def _learned(zoo: Zoo, images: Tensor, labels: Tensor, clean: Labelled, what: dict[str, Any]) -> Learned:
    """Looks at the networks that were trained on these images and labels."""
    right, adapted, fitted = [], [], []
    for spec in zoo.models:
        model = spec.load()
        fitted.append(_right(model, images, labels).double().mean())
        right.append(_right(model, clean.test_images, clean.test_labels))
        adapted.append(_right(adapt(model, clean.train_images), clean.test_images, clean.test_labels))
    return Learned(what, torch.stack(right), torch.stack(adapted), torch.stack(fitted))


def _right(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.no_grad():
        answers = torch.cat([model(some).argmax(1) for some in images.split(BATCH)])
    return answers == labels


def adapt(model: nn.Module, images: Tensor) -> nn.Module:
    """Measures the statistics of batch normalisation anew, on images `[N, C, H, W]` without labels; changes `model`."""
    normalising = [layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001
    for layer in normalising:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    with torch.no_grad():
        for some in images.split(BATCH):
            model(some)
    return model.eval()
