"""Networks learn classes from perturbations alone, and nothing from shuffled ones."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from datamodules.labelled import Labelled
from lit_adv.errors import InputError
from lit_adv.files import read_json
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.source_records import SourceRecord
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY_ZOO
from trainers.lessons import Lesson, spoken_for
from trainers.relearn import Learner, adapt, relearn


class LeastSquares:
    """Stands for a `Learner`: a linear network in closed form."""

    trained_on: list[str]

    def __init__(self) -> None:
        self.trained_on = []

    def trained(self, images: Tensor, labels: Tensor, clean: Labelled, source: str, out: Path) -> Any:
        self.trained_on.append(source)
        x = nn.functional.pad(images.flatten(1).double(), (0, 1), value=1.0)
        wanted = nn.functional.one_hot(labels, 10).double()
        weight = torch.linalg.solve(x.T @ x + 10 * torch.eye(x.shape[1]), x.T @ (wanted - 0.1)).float()
        linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
        linear[1].weight.data, linear[1].bias.data = weight[:-1].T, weight[-1]
        return SimpleNamespace(models=[SimpleNamespace(load=linear.eval)])


@pytest.fixture
def found(digits: Labelled) -> PerturbationSet:
    """Perturbations of a linear model whose weights are the classes' mean digits, towards targets at random."""
    rows = torch.arange(0, 4000, 4)
    labels = digits.train_labels[rows]
    targets = (labels + torch.randint(1, 10, labels.shape)) % 10
    means = torch.stack([digits.train_images[digits.train_labels == c].mean(0) for c in range(10)])
    return PerturbationSet(
        perturbation=means[targets] - means[labels],
        image=digits.train_images[rows],
        label=labels,
        target=targets,
        count=torch.ones_like(labels),
        manifest=Manifest(
            setting="SM",
            attack=AttackRecord("Gradient"),
            sources=(SourceRecord("linear", ""),),
            data=DataRecord("mnist", {"source": "digits", "targets": "random"}, tuple(rows.tolist())),
        ),
    )


def learn(out: Path, *inputs: Any) -> dict[str, float]:
    lessons = [Lesson(input=one, epsilon=0.2) for one in inputs]
    rows = relearn([out / "set"], out, lessons, LeastSquares())  # type: ignore[arg-type]
    assert read_json(out / "relearn.json") == rows
    return {f"{row.get('input', '')} {row['control']}".strip(): row["right"][0] for row in rows}


def test_perturbations_teach_and_shuffled_ones_do_not(found: PerturbationSet, tmp_path: Path) -> None:
    found.save(tmp_path / "set")
    right = learn(tmp_path, "delta", "noise", "image")
    assert list(right) == [
        *("delta", "delta shuffled", "noise", "noise shuffled", "image", "image shuffled", "clean"),
    ]
    assert right["clean"] > 0.7
    assert right["delta"] > 0.4
    assert right["noise"] > right["noise shuffled"] + 0.2
    assert right["image"] > right["image shuffled"] + 0.2
    assert right["delta shuffled"] < 0.25
    assert right["image shuffled"] < 0.1  # a target is never the digit's own class


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": None}, "is untargeted, and has no labels to learn"),
        ({"image": torch.zeros(1000, 1, 28, 28)}, "is not of training images"),
        ({"images": tuple(range(4000, 5000))}, "is not of training images"),
        ({"name": "cifar10"}, "is of cifar10; relearn knows mnist, fashionmnist and kmnist"),
    ],
)
def test_sets_that_are_refused(change: dict[str, Any], message: str, found: PerturbationSet, tmp_path: Path) -> None:
    data = replace(found.manifest.data, **{key: change.pop(key) for key in ("images", "name") if key in change})
    replace(found, **change, manifest=replace(found.manifest, data=data)).save(tmp_path / "set")
    with pytest.raises(InputError, match=message):
        learn(tmp_path, "delta")


def untargeted(found: PerturbationSet, rows: slice) -> PerturbationSet:
    """The set of some of the images, as if it was made to leave their own class."""
    data = replace(found.manifest.data, images=found.manifest.data.images[rows])
    kept = {name: getattr(found, name)[rows] for name in ("perturbation", "image", "label", "count")}
    return replace(found, **kept, target=None, manifest=replace(found.manifest, data=data))


def test_with_a_set_of_its_own_an_image_speaks_for_its_class(found: PerturbationSet, tmp_path: Path) -> None:
    rows = slice(0, 1000, 10)
    own = untargeted(found, rows)
    delta, classes = spoken_for(found, own, 1, 1)
    assert torch.equal(delta[rows], -found.perturbation[rows])
    assert torch.equal(classes[rows], found.label[rows])
    others = torch.arange(1000) % 10 > 0
    assert torch.equal(delta[others], found.perturbation[others])
    assert torch.equal(classes[others], found.target[others])  # type: ignore[index]
    found.save(tmp_path / "set")
    own.save(tmp_path / "own")
    learner, lesson = LeastSquares(), Lesson(input="delta", epsilon=0.2)
    rows_found = relearn([tmp_path / "set"], tmp_path, [lesson], learner, own=[tmp_path / "own"])  # type: ignore[arg-type]
    sha = PerturbationSet.load(tmp_path / "own").manifest.sha256
    assert [row.get("own") for row in rows_found] == [sha, sha, None]
    with pytest.raises(InputError, match="own: 2 sets for 1 targeted ones"):
        relearn([tmp_path / "set"], tmp_path, [lesson], learner, own=[tmp_path / "own"] * 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"target": torch.zeros(100)}, {"image": torch.zeros(100, 1, 28, 28)}])
def test_a_set_of_other_images_is_no_set_of_its_own(change: dict[str, Any], found: PerturbationSet) -> None:
    with pytest.raises(InputError, match="must be untargeted, and of some of the images"):
        spoken_for(found, replace(untargeted(found, slice(100)), **change), 1, 1)


def test_sizes_that_are_not_kept_are_refused_before_any_training(found: PerturbationSet, tmp_path: Path) -> None:
    found.save(tmp_path / "set")
    learner = LeastSquares()
    with pytest.raises(InputError, match="keeps no average over 2 models and 1 copies"):
        relearn([tmp_path / "set"], tmp_path, [Lesson(input="delta", epsilon=0.2)], learner, [(1, 1), (2, 1)])  # type: ignore[arg-type]
    assert not learner.trained_on


def test_the_statistics_of_normalisation_are_those_of_the_images() -> None:
    images = 3 + 2 * torch.randn(1200, 2, 3, 3)
    network = nn.Sequential(nn.BatchNorm2d(2, affine=False)).eval()
    found = adapt(network, images)(images)
    torch.testing.assert_close(found.mean((0, 2, 3)), torch.zeros(2), atol=0.01, rtol=0)
    torch.testing.assert_close(found.std((0, 2, 3)), torch.ones(2), atol=0.02, rtol=0)
    assert not network.training


def test_networks_like_those_of_a_zoo() -> None:
    first = Zoo.open(TINY_ZOO).models[0]
    learner = Learner.of(TINY_ZOO, "mnist", 2, 7)
    assert learner.recipe.batch_size == first.training["recipe"]["batch_size"]
    assert (learner.recipe.seed, learner.models[1].arguments) == (7, first.arguments)
    usual = Learner.of(None, "mnist", 1, 7)
    assert (usual.recipe.epochs, usual.models[0].arguments) == (8, {"width": 6})
    changed = Learner.of(TINY_ZOO, "mnist", 1, 7, (), {"epochs": 3, "optimizer": "adam"}).recipe
    assert (changed.epochs, changed.optimizer, changed.seed) == (3, "adam", 7)
    with pytest.raises(InputError, match="count is 0"):
        Learner.of(None, "mnist", 0, 7)
    with pytest.raises(InputError, match="was trained on mnist, the images are kmnist's"):
        Learner.of(TINY_ZOO, "kmnist", 1, 7)
