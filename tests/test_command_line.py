"""The real command line on tiny settings: predict, test, report, restarts, processes, bad input."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from datamodules.labelled import Labelled
from datamodules.mnist import CLASSES
from datamodules.selection import first_per_class
from lit_adv.cli import main
from lit_adv.perturbations.manifest import AttackRecord
from lit_adv.perturbations.noise import gaussian_noise
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, TINY, Run, predict, same, stop


def test_from_images_to_the_page(zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sm = predict("mnist-sm-bim", zoo, tmp_path / "sm", *TINY, "--model.attack.steps", "4")
    assert sm.count.tolist() == [1] * 10
    assert sm.manifest.setting == "SM"
    assert [s.name for s in sm.manifest.sources] == ["model-001"]
    found = PerturbationSet.load(nmm)
    assert found.count.tolist() == [9] * 10
    assert found.label.tolist() == list(range(10))
    attack = AttackRecord("BIM", {"epsilon": 0.2, "steps": 4, "step_size": None, "clip": None})
    assert found.manifest.attack == attack
    assert (found.manifest.setting, found.manifest.copies, found.manifest.sigma) == ("NMM", 3, 0.2)
    assert [s.name for s in found.manifest.sources] == ["model-001", "model-002", "model-003"]
    assert 0 < found.perturbation.abs().max() <= 0.2
    assert sorted(p.name for p in nmm.iterdir() if p.name != "evaluation.json") == [
        "manifest.json",
        "perturbations.safetensors",
        "sums.safetensors",
    ]

    for out in (tmp_path / "sm", nmm):
        main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(out)])
    evaluation = json.loads((nmm / "evaluation.json").read_text())
    judge = zoo.judges[0].load()
    expected = (judge(found.image + 0.2 * found.perturbation.sign()).argmax(1) == found.label).float().mean().item()
    assert evaluation["judges"]["model-000"]["attack"] == pytest.approx(expected)
    assert evaluation["judges"]["model-000"]["white_box"] is False
    assert (evaluation["cross"]["judges"], evaluation["cross"]["without"]) == (3, 3)

    main(["report", str(tmp_path / "sm"), str(nmm), "--out", str(tmp_path / "report")])
    page = (tmp_path / "report" / "index.html").read_text()
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert page.count("data:image/png;base64,") == 3
    assert "NMM BIM" in page
    printed = capsys.readouterr().out
    assert "NMM BIM" in printed
    for text in (page, printed):
        assert "compared in pairs" in text


@pytest.mark.parametrize("exact", ["true", "false"])
def test_gradient_against_a_plain_double_loop_in_float64(
    zoo: Zoo, digits: Labelled, tmp_path: Path, exact: str
) -> None:
    found = predict(
        "mnist-nmm-gradient", zoo, tmp_path, *TINY, "--data.copies", "2", "--model.exact", exact, "--data.seed", "5"
    )
    chosen = first_per_class(digits.test_images, digits.test_labels, 1, CLASSES)
    expected = torch.zeros_like(chosen.images, dtype=torch.float64)
    for m, spec in enumerate(zoo.sources):
        model = spec.load().double()
        for j in range(2):
            for row in range(10):
                x, y = chosen.images[row : row + 1].double(), chosen.labels[row : row + 1]
                z = 0.2 * gaussian_noise(5, [(m, int(chosen.index[row]), j)], (1, 28, 28)).double()
                with torch.no_grad():
                    calib = model(x) - model(x + z)
                noisy = (x + z).requires_grad_()
                functional.cross_entropy(model(noisy) + calib, y).backward()
                assert noisy.grad is not None
                expected[row] += noisy.grad[0] / 6
    worst = (found.perturbation - expected).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)
    assert worst.median() < 1e-4
    assert worst.max() < 0.05  # a ReLU that rounding switches changes one image's
    assert found.count.tolist() == [6] * 10


@pytest.mark.parametrize(("name", "setting", "count"), [("mnist-nsm-bim", "NSM", 3), ("mnist-mm-bim", "MM", 3)])
def test_the_other_settings(zoo: Zoo, tmp_path: Path, name: str, setting: str, count: int) -> None:
    found = predict(
        name, zoo, tmp_path, *TINY, "--model.attack.steps", "1", *(["--data.copies", "3"] if setting == "NSM" else [])
    )
    assert found.manifest.setting == setting
    assert found.count.tolist() == [count] * 10


def test_lightnings_default_inference_mode(zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM, "--trainer.inference_mode", "true")
    assert same(tmp_path, nmm)


STACKED = [*TINY[:-2], "--data.batch_size", "20", "--model.attack.steps", "2"]


"""Two batches, of two models and of one."""


def test_stacked_models_stopped_give_the_same_bits(zoo: Zoo, tmp_path: Path) -> None:
    whole = predict("mnist-mm-bim", zoo, tmp_path / "whole", *STACKED)
    assert whole.manifest.stacked == 2
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-mm-bim", zoo, tmp_path / "stopped", *STACKED, *stop(1))
    predict("mnist-mm-bim", zoo, tmp_path / "stopped", *STACKED)
    assert same(tmp_path / "stopped", tmp_path / "whole")


@pytest.mark.soak
def test_stacked_models_shared_give_the_same_bits(run: Run, zoo: Zoo, tmp_path: Path) -> None:
    predict("mnist-mm-bim", zoo, tmp_path / "whole", *STACKED)
    shared = ["--zoo", zoo.path, "--out", tmp_path / "shared", *STACKED, "--trainer.devices", "2"]
    assert run("-m", "lit_adv", "predict", "--config", "mnist-mm-bim", *shared).returncode == 0
    assert same(tmp_path / "shared", tmp_path / "whole")


def test_a_stopped_run_continues_to_the_same_bits(
    zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        with pytest.raises(SystemExit, match="2"):
            predict("mnist-nmm-bim", zoo, tmp_path, *BIM, *stop(4))
    assert "continuing" in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, "--data.sigma", "0.1")
    assert "a different unfinished run (sigma: 0.2 there, 0.1 here)" in capsys.readouterr().err
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert same(tmp_path, nmm)
    before = (tmp_path / "manifest.json").stat().st_mtime_ns
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert "holds this perturbation set already" in capsys.readouterr().out
    assert (tmp_path / "manifest.json").stat().st_mtime_ns == before


def test_two_processes_give_the_same_bits(run: Run, zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    words = ["-m", "lit_adv", "predict", "--config", "mnist-nmm-bim", "--zoo", zoo.path, "--out", tmp_path, *BIM]
    done = run(*words, "--trainer.devices", "2")
    assert done.returncode == 0, done.stderr
    assert "90 perturbations: 3 models × 10 images × 3 copies, 2 processes" in done.stderr
    assert "process 1: " in done.stderr
    assert "imbalance: the slowest took" in done.stderr
    assert same(tmp_path, nmm)


@pytest.mark.soak
def test_more_processes_than_batches(run: Run, zoo: Zoo, tmp_path: Path) -> None:
    words = ["-m", "lit_adv", "predict", "--config", "mnist-nmm-bim", "--zoo", zoo.path, *BIM]
    few = ["--data.batch_size", "30", "--model.sources", "1", "--out", tmp_path / "few", "--trainer.devices", "2"]
    too_many = run(*words, *few)
    assert too_many.returncode == 2, too_many.stderr
    assert too_many.stderr.count("2 processes for 1 batches leave some without work") == 1
    assert not (tmp_path / "few").exists()


def test_restart_begins_anew(zoo: Zoo, tmp_path: Path) -> None:
    predict("mnist-sm-bim", zoo, tmp_path, *BIM)
    main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tmp_path)])
    (tmp_path / "notes.txt").touch()
    again = predict("mnist-sm-bim", zoo, tmp_path, *BIM, "--model.attack.epsilon", "0.1", "--restart")
    assert again.manifest.attack.parameters["epsilon"] == 0.1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json",
        "notes.txt",
        "perturbations.safetensors",
    ]


@pytest.mark.soak
def test_a_terminated_run_keeps_its_work(zoo: Zoo, tmp_path: Path) -> None:
    words = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *BIM]
    command = [sys.executable, "-m", "lit_adv", *words, "--data.copies", "2000"]
    started = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    assert started.stderr is not None
    for line in started.stderr:
        if "of 60000 perturbations" in line:  # the first report of progress
            break
    started.terminate()
    started.stderr.close()
    assert started.wait(60) == 128 + signal.SIGTERM
    state = load_file(next((tmp_path / "partial").glob("start-*-process-0.safetensors")))
    assert 0 < int(state["done"].sum()) < len(state["done"])
    assert int(state["count"].sum()) <= 8 * int(state["done"].sum())
    assert not (tmp_path / "manifest.json").exists()
