"""A map learns averages that follow from the image, and is trained by the command."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch.nn import functional

from datamodules.averages import Averages
from lit_adv.attacks.map import network
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.files import read_json
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from trainers.image_map import MapSettings, cosines, fit_map
from trainers.train_model import EpochLine

CPU = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}


@pytest.fixture
def found(tmp_path: Path) -> PerturbationSet:
    """Averages that are the images' second differences, minute."""
    image = functional.avg_pool2d(torch.rand(200, 1, 14, 14), 3, 1, 1)
    delta = 4 * image - sum(image.roll(by, dim) for by in (1, -1) for dim in (2, 3))
    made = PerturbationSet(
        perturbation=1e-7 * delta,
        image=image,
        label=torch.arange(200) % 10,
        count=torch.ones(200, dtype=torch.int64),
        manifest=Manifest(setting="MM", attack=AttackRecord("Gradient"), data=DataRecord("mnist")),
    )
    made.save(tmp_path / "set")
    return made


def trained(folder: Path, out: str = "map", epochs: int = 3, **settings: Any) -> dict[str, Any]:
    chosen = MapSettings(**{"width": 8, "levels": 0, "batch_size": 20, "learning_rate": 0.02, **settings})
    return fit_map(chosen, folder / "set", folder / out, {"max_epochs": epochs, **CPU})


def test_it_learns_what_follows_from_the_image(found: PerturbationSet, tmp_path: Path) -> None:
    made = trained(tmp_path, epochs=12)
    assert made["cosine"][0] > 0.8
    assert (made["tested"], made["images"], made["ceiling"]) == (20, 180, None)
    drawn = network(str(tmp_path / "map/map.safetensors"), made["sha256"], torch.device("cpu"))
    assert float(cosines(drawn, Averages(found, None, 1).kept).mean()) == pytest.approx(made["cosine"][0], abs=1e-6)
    assert sorted(path.name for path in (tmp_path / "map").iterdir()) == ["map.json", "map.safetensors"]


def test_it_is_there_the_same_again_and_no_other(
    found: PerturbationSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = trained(tmp_path)
    assert trained(tmp_path) == made
    assert "it is there" in capsys.readouterr().out
    assert trained(tmp_path, "other")["sha256"] == made["sha256"]
    with pytest.raises(InputError, match="holds a map of other settings or sets"):
        trained(tmp_path, sees="edges")
    with pytest.raises(InputError, match=r"holds manifest\.json, perturbations\.safetensors already"):
        trained(tmp_path, "set")
    assert not (tmp_path / "set/map.json").exists()


def test_a_training_goes_on_where_it_was_stopped(
    found: PerturbationSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end = EpochLine.on_train_epoch_end

    def stop(line: EpochLine, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise InputError("stopped by a test")
        end(line, trainer, module)

    monkeypatch.setattr(EpochLine, "on_train_epoch_end", stop)
    with pytest.raises(InputError, match="stopped by a test"):
        trained(tmp_path, "stopped")
    monkeypatch.undo()
    assert not (tmp_path / "stopped/map.json").exists()
    (tmp_path / "stopped/logs").mkdir(exist_ok=True)
    made = trained(tmp_path, "stopped")
    said = capsys.readouterr().out
    assert said.count("map: epoch 1 of 3") == 1  # it began anew nowhere
    assert said.count("map: epoch 2 of 3") == 1
    assert made["sha256"] == trained(tmp_path, "whole")["sha256"]


def test_sets_that_are_refused(found: PerturbationSet) -> None:
    with pytest.raises(InputError, match="a map is not told a target"):
        Averages(replace(found, target=found.label), None, 1)
    with pytest.raises(InputError, match="an image is in both sets"):
        Averages(found, found.subset(torch.tensor([3])), 1)
    with pytest.raises(InputError, match="the set has 9 images; a map needs 10"):
        Averages(found.subset(torch.arange(9)), None, 1)
    assert len(Averages(found, None, 7).train_dataloader()) == 180 // 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--map.width", "500"], "give a smaller --map.width"),
        (["--map.width", "0"], "width is 0 and levels 2; give 1 or more, and 0 to 5"),
        (["--map.sees", "nothing"], "--map.sees is 'nothing'; it must be 'image' or 'edges'"),
        (["--trainer.max_epoch", "3"], "did you mean --trainer.max_epochs?"),
        (["--count", "3"], "there is no option --count"),
        (["--set", "nowhere"], "no finished perturbation set in nowhere"),
        (["--trainer.max_epochs", "0"], "epochs is 0; it must be at least 1"),
    ],
)
def test_wrong_words(
    words: list[str], said: str, found: PerturbationSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "--config", "mnist-map", "--set", str(tmp_path / "set"), "--out", str(tmp_path / "map"), *words])
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "map" / "map.json").exists()


def test_the_command(found: PerturbationSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--set", str(tmp_path / "set"), "--out", str(tmp_path / "map"), "--map.width", "4", "--map.levels", "1"]
    words += ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"]
    with pytest.raises(SystemExit, match="0"):
        main(["fit", "--config", "mnist-map", *words, "--print_config"])
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["map"]["width"] == 4
    (tmp_path / "own.yaml").write_text(printed)
    main(["fit", "--config", str(tmp_path / "own.yaml")])
    assert "cosine with the averages of 20 new images" in capsys.readouterr().out
    assert read_json(tmp_path / "map/map.json")["map"] == {"channels": 1, "width": 4, "levels": 1, "sees": "image"}
