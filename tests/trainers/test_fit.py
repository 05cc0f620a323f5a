"""`lit-adv fit` trains what the scripts train, with Lightning's own options, and refuses what makes no sense."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.datamodules.test_mnist import write_idx
from tests.helpers import TINY_ZOO
from trainers.fit import OTHERWISE, SUITED, _arguments
from trainers.lightning_options import OPTIONS, split
from trainers.mnist_zoo import train_mnist_zoo
from trainers.models import file_name, named_models, numbered_models, planned

TINY = ["--config", "mnist-zoo", "--model.arguments.width", "1", "--trainer.max_epochs", "1", "--processes", "1"]
SMALL = ["--data.batch_size", "500"]


def fit(out: Path, *words: str) -> Zoo:
    main(["fit", *TINY, *SMALL, "--out", str(out), *words])
    return Zoo.open(out)


def line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *words])
    [said] = capsys.readouterr().err.splitlines()
    return said


def test_the_models_are_the_scripts(tmp_path: Path, in_this_process: None) -> None:
    fit(tmp_path / "fit", "--count", "2", "--seed", "5")
    train_mnist_zoo(tmp_path / "script", 2, seed=5, width=1, epochs=1, batch_size=500, processes=1)
    names = [f"model-00{number}.{ending}" for number in (0, 1) for ending in ("json", "safetensors")]
    assert [(tmp_path / "fit" / name).read_bytes() for name in names] == [
        (tmp_path / "script" / name).read_bytes() for name in names
    ]
    again = fit(tmp_path / "script", "--count", "2", "--seed", "5")
    assert [(spec.name, spec.role) for spec in again.models] == [("model-000", "test"), ("model-001", "source")]
    assert "trainer" not in again.models[0].training["recipe"]


def test_variants_are_the_scripts(tmp_path: Path, in_this_process: None) -> None:
    network = [
        "--model.arguments.batch_norm",
        "false",
        "--model.arguments.dropout",
        "0.5",
        "--model.arguments.pad",
        "2",
    ]
    recipe = ["--model.optimizer", "adam", "--model.learning_rate", "0.001", "--model.normalise", "true"]
    robust = ["--model.adversarial", "0.1", "--model.adversarial_steps", "1", "--model.gradient_penalty", "2"]
    fit(tmp_path / "fit", "--count", "1", *network, *recipe, *robust)
    settings: dict[str, Any] = {"batch_norm": False, "dropout": 0.5, "pad": 2, "optimizer": "adam", "normalise": True}
    settings |= {"learning_rate": 0.001, "adversarial": 0.1, "adversarial_steps": 1, "gradient_penalty": 2.0}
    train_mnist_zoo(tmp_path / "script", 1, width=1, epochs=1, batch_size=500, processes=1, **settings)
    for name in ("model-000.json", "model-000.safetensors"):
        assert (tmp_path / "fit" / name).read_bytes() == (tmp_path / "script" / name).read_bytes()


def test_a_network_has_the_width_that_suits_the_digits_whatever_else_is_given() -> None:
    assert _arguments("vgg16_like", {"pad": 2}, 6) == {"width": 6, "pad": 2}
    assert _arguments("vgg16_like", {"pad": 2, "width": 3}, 6) == {"width": 3, "pad": 2}
    assert _arguments("vgg16_like", None, 6) == {"width": 6}
    assert _arguments("resnet20_cifar10", None, 6) == {}


def test_options_of_the_trainer_reach_it_and_are_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], in_this_process: None
) -> None:
    more = ["--trainer.gradient_clip_val", "0.001", "--trainer.callbacks+", "LearningRateMonitor"]
    steps = ["--trainer.log_every_n_steps", "1"]
    zoo = fit(tmp_path / "a", "--count", "1", "--test_models", "0", "--trainer.logger", "true", *more, *steps)
    plain = fit(tmp_path / "b", "--count", "1", "--test_models", "0")
    assert zoo.models[0].checksum != plain.models[0].checksum
    recorded = zoo.models[0].training["recipe"]["trainer"]
    assert recorded["gradient_clip_val"] == 0.001
    assert recorded["callbacks"][0]["class_path"].endswith("LearningRateMonitor")
    [table] = (tmp_path / "a" / "logs").glob("**/metrics.csv")
    assert "lr-SGD" in table.read_text()
    words = [*TINY, *SMALL, "--count", "1", "--test_models", "0"]
    assert "'gradient_clip_val': 0.001}, asked is {}" in line(capsys, *words, "--out", str(tmp_path / "a"))
    assert "was trained with trainer {}, asked is" in line(capsys, *words, *more[:2], "--out", str(tmp_path / "b"))


@pytest.mark.parametrize("name", ["mnist-zoo", "cifar10-zoo", "fashionmnist-zoo", "kmnist-zoo", "images-zoo"])
def test_the_configuration_is_printed_and_can_be_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--out", str(tmp_path / "zoo"), "--trainer.max_epochs", "7"]
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--config", name, *words, "--print_config"])
    printed = capsys.readouterr().out
    content = yaml.safe_load(printed)
    assert content["trainer"].keys() == OPTIONS
    assert content["trainer"]["max_epochs"] == 7
    (tmp_path / "own.yaml").write_text(printed)
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--config", str(tmp_path / "own.yaml"), "--print_config"])
    assert yaml.safe_load(capsys.readouterr().out) == content
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--count", "0"], "count is 0; it must be at least 1"),
        (["--count", "3", "--test-models", "4"], "test_models is 4; it must be 0 to 3"),
        (["--trainer.max_epoch", "3"], "there is no option --trainer.max_epoch; did you mean --trainer.max_epochs?"),
        (["--trainer.strategy", "ddp"], "there is no option --trainer.strategy; "),
        (["--trainer.devices", "8"], "the trainer's devices is 8; each model trains on one device"),
        (["--trainer.gradient_clip_algorithm", "x"], "--trainer.gradient_clip_algorithm|refuses these options"),
        (["--trainer.accelerator", "none"], "Lightning's trainer refuses these options: "),
        (["--trainer.callbacks+", "Foo"], "--trainer.callbacks: there is no class Foo"),
        (["--data", "mnist", "--data.sorce", "digits"], "there is no option --data.sorce; did you mean --data.source?"),
        (["--data.source", "digitz"], "--data.source is 'digitz'; it must be 'digits' or 'torchvision' or 'folder'"),
        (["--data.source", "folder"], "data source 'folder' needs a folder"),
        (["--model.architecture", "resnet20_cifar11"], "pytorchcv has no model 'resnet20_cifar11'; did you mean"),
        (["--model.architecture", "resnet20_cifar10", "--model.arguments", "{}"], "does not take images"),
        (["--model.arguments.width", "0"], "width is 0; it must be at least 1"),
        (["--architectures", "[resnet20_cifar10]"], "--model.architecture is vgg16_like, and --architectures"),
        (["--config", "mnist-zo"], "configuration 'mnist-zo' is neither"),
        (["--wandb-group", "a"], "give --wandb PROJECT too"),
        (["--out", ""], "--out"),
    ],
)
def test_wrong_words(words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "zoo"
    found = line(capsys, *TINY, "--out", str(out), *words)
    assert found.startswith("lit-adv: ")
    assert any(part in found for part in said.split("|")), found
    assert not out.exists() or not list(out.glob("model*"))


def test_a_role_is_part_of_a_model(zoo: Zoo, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data.batch_size", "64", "--model.weight_decay", "5e-4", "--model.arguments.width", "2"]
    said = line(capsys, *TINY, *words, "--out", str(zoo.path), "--count", "4", "--test_models", "2")
    assert "model-001 was trained with role source, asked is test" in said


def test_plans_of_models() -> None:
    def settings(name: str) -> dict[str, Any]:
        return {"name": name}

    alone = named_models(1, ["torchvision:resnet18", "a"], ["b"], settings)
    assert [(m.name, m.role, m.number) for m in alone] == [
        ("torchvision-resnet18", "source", 0),
        ("a", "source", 0),
        ("b", "test", 0),
    ]
    assert [m.name for m in named_models(2, ["a"], [], settings)] == ["a-00", "a-01"]
    assert [m.role for m in numbered_models(3, 2, "a", {})] == ["test", "test", "source"]
    assert file_name("my_package.nets:build") == "my_package.nets-build"
    for wrong, message in (
        ((1, 0, None, [], []), "no architecture is named"),
        ((1, 0, None, ["a"], ["a"]), "model a is named twice"),
        ((1, 1, None, ["a"], []), "--test_models is for one architecture"),
    ):
        with pytest.raises(InputError, match=message):
            planned(*wrong, settings)  # type: ignore[arg-type]


def test_options_that_are_not_fits() -> None:
    with pytest.raises(InputError, match="the trainer's max_time is no option of fit; it takes accelerator, "):
        split({"max_time": "00:01:00:00"})
    assert split({"devices": 1, "accelerator": "cpu", "precision": None, "max_epochs": 3}) == (
        {},
        {"accelerator": "cpu"},
    )
    assert split({"precision": "bf16-mixed"}) == ({"precision": "bf16-mixed"}, {})


def test_settings_that_suit_have_the_same_names() -> None:
    assert all(settings.keys() == OTHERWISE.keys() for settings in SUITED.values())


def test_a_zoo_of_clothes_is_none_of_digits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], in_this_process: None
) -> None:
    """Trained, attacked and judged on the same images; digits are refused, as are its models for digits."""
    for stem in ("train", "t10k"):
        generator = np.random.default_rng(len(stem))
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte", generator.integers(0, 256, (20, 28, 28)))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte", np.arange(20) % 10)
    zoo, out = tmp_path / "zoo", tmp_path / "out"
    images = ["--data.source", "folder", "--data.root", str(tmp_path)]
    width = ["--model.arguments.width", "1", "--trainer.max_epochs", "1", "--processes", "1", "--count", "2"]
    main(["fit", "--config", "fashionmnist-zoo", *images, *width, "--out", str(zoo)])
    few = ["--data.per_class", "1", "--trainer.accelerator", "cpu", "--model.attack.steps", "1", "--out", str(out)]
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", "mnist-mm-bim", "--zoo", str(zoo), *few])
    assert "model-001 was trained on fashionmnist, the images are mnist's" in capsys.readouterr().err
    main(["predict", "--config", "fashionmnist-mm-bim", "--zoo", str(zoo), *images, *few])
    found = PerturbationSet.load(out)
    assert found.data_set.class_names()[0] == "T-shirt"
    main(["test", "--config", "fashionmnist-test", "--zoo", str(zoo), "--out", str(out)])
    with pytest.raises(SystemExit, match="2"):
        main(["test", "--config", "fashionmnist-test", "--zoo", str(TINY_ZOO), "--out", str(out)])
    assert "model-000 was trained on mnist, the images are fashionmnist's" in capsys.readouterr().err
