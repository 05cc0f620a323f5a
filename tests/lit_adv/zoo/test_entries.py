"""Entries of zoo files beside networks by name: programs, folders of our own, own images; and `--model.sources`."""

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.export import Dim

from lit_adv.attacks import BIM
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.models.build import Prepared, build
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.loader import ModelLoader
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo

Entry = dict[str, object]


def network(classes: int = 10) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(676, classes)).eval()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One network in each form."""
    folder = tmp_path_factory.mktemp("programs")
    images = torch.rand(4, 1, 28, 28)
    any_number = ({0: Dim("B")},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network()).save(folder / "net.pt")
        torch.jit.trace(network(), images).save(folder / "traced.pt")
        torch.export.save(torch.export.export(network(), (images,), dynamic_shapes=any_number), folder / "net.pt2")
        torch.export.save(torch.export.export(network(), (images,)), folder / "four.pt2")
        torch.export.save(torch.export.export(network(7), (images,), dynamic_shapes=any_number), folder / "seven.pt2")
    torch.save(network().state_dict(), folder / "weights.pt")
    return folder


def zoo_file(folder: Path, *entries: Entry | str, **content: object) -> Path:
    (folder / "zoo.yaml").write_text(yaml.safe_dump({"data": "mnist", "sources": list(entries), **content}))
    return folder / "zoo.yaml"


def program(programs: Path, folder: Path, name: str) -> ModelSpec:
    shutil.copy(programs / name.partition(":")[2], folder)
    (spec,) = Zoo.open(zoo_file(folder, name), [name.partition(":")[2]]).models
    return spec


@pytest.mark.parametrize("name", ["torchscript:net.pt", "torchscript:traced.pt", "export:net.pt2"])
@pytest.mark.parametrize("exact", [True, False])
def test_programs_are_the_networks_that_they_were(programs: Path, tmp_path: Path, name: str, exact: bool) -> None:
    spec = program(programs, tmp_path, name)
    assert (spec.name, spec.size, spec.mean, spec.std) == (name.replace(":", "-"), None, (0.0,), (1.0,))
    assert spec.macs == 4 * 9 * 26 * 26 + 6760
    assert spec.checksum.startswith("sha256:")
    model = ModelLoader([spec], exact=exact).model(0)
    images, labels = torch.rand(3, 1, 28, 28), torch.tensor([1, 2, 3])
    assert torch.allclose(model(images), network()(images), atol=1e-6)
    attack = BIM(epsilon=0.1, steps=1)
    expected = attack(network().requires_grad_(False), images, labels)
    assert (attack(model, images, labels) == expected).float().mean() > 0.99
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("name", ["torchscript:net.pt", "export:net.pt2"])
def test_programs_behind_a_size_and_normalisation(programs: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(programs / name.partition(":")[2], tmp_path)
    entry = {"name": "a", "architecture": name, "size": 28, "mean": [0.5], "std": [0.25], "gmac": 1}
    content = {"data": "images", "classes": 10, "image_shape": [1, 20, 24]}
    (spec,) = Zoo.open(zoo_file(tmp_path, entry, **content), [name.partition(":")[2]]).models
    images = torch.rand(2, 1, 20, 24)
    expected = Prepared(network(), [0.5], [0.25], 28)(images)
    assert torch.allclose(ModelLoader([spec]).model(0)(images), expected, atol=1e-6)


def test_a_programs_file_that_was_changed(programs: Path, tmp_path: Path) -> None:
    spec = program(programs, tmp_path, "torchscript:net.pt")
    shutil.copy(programs / "traced.pt", tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"net\.pt has checksum .*restore the file"):
        spec.load()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchscript:net.pt2", r"net\.pt2 cannot be opened as a TorchScript program: "),
        ("torchscript:weights.pt", r"weights\.pt cannot be opened as a TorchScript program: "),
        ("export:net.pt", r"net\.pt cannot be opened as a program of torch\.export: "),
        ("export:four.pt2", r"does not take images \[1, 28, 28\]: .*4"),
        ("export:seven.pt2", r"model export-seven\.pt2 gives \[2, 7\] for one image of 10 classes"),
    ],
)
def test_programs_that_are_none(programs: Path, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        program(programs, tmp_path, name).load()
    assert "\n" not in str(error.value)


def test_a_program_of_a_fixed_batch_size(programs: Path, tmp_path: Path) -> None:
    shutil.copy(programs / "four.pt2", tmp_path)
    entry = {"name": "four", "architecture": "export:four.pt2", "gmac": 1}
    (spec,) = Zoo.open(zoo_file(tmp_path, entry), ["four.pt2"]).models
    with pytest.raises(
        InputError, match=r"four does not take images .*it must take any number of images: torch\.export"
    ):
        spec.load()


def test_entries_of_programs_that_are_wrong(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no weight file .*none\.pt"):
        Zoo.open(zoo_file(tmp_path, "torchscript:none.pt"), ["none.pt"])
    entry = {"name": "torchscript:net.pt", "weights": "x.pth"}
    with pytest.raises(InputError, match="holds its weights and arguments; leave these fields out"):
        Zoo.open(zoo_file(tmp_path, entry), ["net.pt"])
    with pytest.raises(InputError, match=r"runs code of the file net\.pt; if you trust it, add --trust net\.pt "):
        Zoo.open(zoo_file(tmp_path, "torchscript:net.pt"))
    for other in ("again.pt", "net.pt"):
        shutil.copy(programs / "net.pt", tmp_path / other)
    with pytest.raises(InputError, match="are one model, of the same weights"):
        Zoo.open(zoo_file(tmp_path, "torchscript:net.pt", "torchscript:again.pt"), ["net.pt", "again.pt"])


def test_a_folder_of_our_own(zoo: Zoo, tmp_path: Path) -> None:
    folder = shutil.copytree(zoo.path, tmp_path / "zoos" / "digits")
    path = zoo_file(tmp_path, {"folder": "zoos/digits"}, test=[{"folder": str(folder), "name": "digits"}])
    opened = Zoo.open(path)
    assert [spec.name for spec in opened.sources] == [spec.name for spec in zoo.sources]
    assert [spec.name for spec in opened.judges] == [f"digits-{spec.name}" for spec in zoo.judges]
    assert [spec.checksum for spec in opened.models] == [spec.checksum for spec in (*zoo.sources, *zoo.judges)]
    opened.judges[0].load()
    for entry, message in (
        ({"folder": "none"}, "there is no folder .*none"),
        ({"folder": "zoos"}, "no finished model in it"),
        ({"folder": "zoos/digits", "weights": "x"}, "a folder: unknown field 'weights'"),
    ):
        with pytest.raises(InputError, match=message):
            Zoo.open(zoo_file(tmp_path, entry))
    with pytest.raises(InputError, match=r"has 10 classes of images \[1, 28, 28\], the file 10 of \[3, 32, 32\]"):
        Zoo.open(zoo_file(tmp_path, {"folder": "zoos/digits"}, data="cifar10"))


def test_a_zoo_of_own_images(package: str, tmp_path: Path) -> None:
    own: Entry = {"name": "mine", "architecture": f"{package}:Mine"}
    torch.save(build("resnet20_cifar10", {}).state_dict(), tmp_path / "a.pth")
    known: Entry = {"name": "a", "architecture": "resnet20_cifar10", "weights": "a.pth"}
    content = {"data": "images", "classes": 10, "image_shape": [3, 40, 24]}
    mine, other = Zoo.open(zoo_file(tmp_path, own, known, **content), [package]).models
    assert (mine.classes, mine.image_shape, mine.size, mine.mean) == (10, (3, 40, 24), None, (0.0, 0.0, 0.0))
    assert mine.load()(torch.rand(2, 3, 40, 24)).shape == (2, 10)
    assert (other.size, other.mean) == (32, (0.4914, 0.4822, 0.4465))
    assert other.load()(torch.rand(2, 3, 40, 24)).shape == (2, 10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"data": "images"}, "classes is None; with data: images it must be their number, 2 or more"),
        ({"data": "images", "classes": 1, "image_shape": [1, 2, 2]}, "classes is 1"),
        ({"data": "images", "classes": 5}, r"image_shape is None; .*\[channels, height, width\]"),
        ({"data": "images", "classes": 5, "image_shape": [3, 0, 9]}, r"image_shape is \[3, 0, 9\]"),
        ({"data": "mnist", "classes": 10}, "classes is for data: images; of mnist it is known"),
        ({"data": "images", "classes": 1000, "image_shape": [3, 32, 32]}, "resnet20_cifar10 is a model of cifar10"),
    ],
)
def test_wrong_zoos_of_own_images(tmp_path: Path, content: Entry, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Zoo.open(zoo_file(tmp_path, "resnet20_cifar10", **content))


def test_models_that_are_not_in_the_zoo(package: str, programs: Path, tmp_path: Path, zoo: Zoo) -> None:
    """By their architectures, in Python and on the command line, of a zoo folder and of a zoo file."""
    shutil.copy(programs / "net.pt", tmp_path)
    trust = [package, "net.pt"]
    opened = Zoo.open(zoo.path, trust)
    names = [f"{package}:linear", "model-001", "torchscript:net.pt"]
    chosen = opened.choose(names)
    assert [spec.name for spec in chosen] == [f"{package}-linear", "model-001", "torchscript-net.pt"]
    assert [spec.role for spec in opened.named(names, "test")] == ["test", "source", "test"]
    with pytest.raises(InputError, match="is named twice"):
        opened.choose([names[0], names[0]])
    with pytest.raises(InputError, match="has no model 'model-01'; it has"):
        opened.choose(["model-01"])
    with pytest.raises(InputError, match=rf"add --trust {package}"):
        Zoo.open(zoo.path).choose(names)
    (file,) = Zoo.open(zoo_file(tmp_path, names[0]), trust).choose([names[0]])
    assert file.name == f"{package}-linear"
    words = ["--zoo", str(zoo.path), "--out", str(tmp_path / "out"), "--trust", *trust]
    short = ["--data.per_class", "1", "--model.attack.steps", "1", "--trainer.accelerator", "cpu"]
    main(["predict", "--config", "mnist-mm-bim", *words, *short, "--model.sources", f"[{', '.join(names)}]"])
    main(["test", "--config", "mnist-test", *words, "--model.judges", f"[{names[0]}, model-000]"])
    sources = PerturbationSet.load(tmp_path / "out").manifest.sources
    assert [source.name for source in sources] == [spec.name for spec in chosen]
    judges = json.loads((tmp_path / "out" / "evaluation.json").read_text())["judges"]
    assert set(judges) == {f"{package}-linear", "model-000", "model-001", "model-002", "model-003"}
    assert not any(judge["white_box"] for judge in judges.values())
    alone = {name for name, judge in judges.items() if judge.get("without")}
    assert alone == {f"{package}-linear", "model-001"}  # as sources they judge the average of the others


def test_models_of_other_classes_are_not_averaged(zoo: Zoo, tmp_path: Path) -> None:
    copy = shutil.copytree(zoo.path, tmp_path / "zoo")
    manifest = json.loads((copy / "model-002.json").read_text())
    (copy / "model-002.json").write_text(json.dumps({**manifest, "classes": 7}))
    with pytest.raises(
        InputError, match="model model-002 has 7 classes, model-001 has 10; choose source models of the same"
    ):
        Zoo.open(copy).choose(None)
    assert len(Zoo.open(copy).choose(1)) == 1


def test_a_folder_of_networks_of_own_images(zoo: Zoo, tmp_path: Path) -> None:
    copy = shutil.copytree(zoo.path, tmp_path / "zoo")
    for path in copy.glob("*.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "classes": 7}))
    with pytest.raises(InputError, match="resnet20_cifar10 is a model of cifar10, the file is of images"):
        Zoo.open(copy).choose(["resnet20_cifar10"])
