"""`lit-adv predict` and `test` on another device than the CPU: sums, sets and evaluations are the CPU's."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from callbacks import finish_average
from callbacks.perturbation_average import PerturbationAverage
from lit_adv.arithmetic import arithmetic
from lit_adv.cli import main
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from tests.helpers import kept, predict
from tests.second_device.comparison import agree
from tests.second_device.device import NAME, without_float64
from tests.second_device.lightning import options

CPU = torch.device("cpu")
SMALL = ["--data.per_class", "1", "--data.batch_size", "8"]
COPIES = [*SMALL, "--data.copies", "2"]
RUNS = {
    "nmm-bim": [*COPIES, "--model.attack.steps", "3"],
    "mm-bim": ["--data.per_class", "1", "--data.batch_size", "30", "--model.attack.steps", "3"],
    "nsm-cw": [*COPIES, "--model.attack.steps", "3"],
    "mm-deepfool": [*SMALL, "--model.attack.steps", "2", "--model.exact", "true"],
    "nmm-square": [*COPIES, "--model.attack.queries", "4"],
    "sm-gradient": SMALL,
    "mm-cw-targeted": [*SMALL, "--model.attack.steps", "3"],
    "mm-gradient-targeted": [*SMALL, "--model.precision", "bf16"],
}

LONGER = ("nsm-cw", "mm-gradient-targeted", "nmm-square")
"""Left to `make soak`; test_attacks has all attacks."""


def agreeing(found: PerturbationSet, expected: PerturbationSet, device: torch.device) -> bool:
    """Whether two sets hold the same images and, see `agree`, perturbations."""
    assert found.manifest.device == device.type
    assert expected.manifest.device == "cpu"
    assert torch.equal(found.image, expected.image)
    assert torch.equal(found.label, expected.label)
    assert torch.equal(found.count, expected.count)
    return agree(found.perturbation, expected.perturbation, device)


@pytest.mark.filterwarnings("ignore:this .* does not compute in bfloat16")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] if name in LONGER else []) for name in RUNS]
)
def test_a_set_is_the_cpus(zoo: Zoo, device: torch.device, tmp_path: Path, name: str) -> None:
    """Eq. 4.1 with calibration and exact sums, of single and of stacked models."""
    sets = [
        predict(f"mnist-{name}", zoo, tmp_path / where.type, *options(where), *RUNS[name]) for where in (CPU, device)
    ]
    assert agreeing(sets[1], sets[0], device)
    assert sets[0].manifest.stacked == sets[1].manifest.stacked == (3 if name == "mm-bim" else 1)
    if device.type == NAME:
        files = [(tmp_path / where.type / "perturbations.safetensors") for where in (CPU, device)]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_without_float64(zoo: Zoo, device: torch.device, tmp_path: Path) -> None:
    """Calibration and logits in float32 change a set a little."""
    if device.type != NAME:
        pytest.skip(f"{device.type} has float64")
    expected = predict("mnist-nmm-gradient", zoo, tmp_path / "float64", *options(device), *COPIES)
    with without_float64(), pytest.warns(UserWarning, match=f"this {NAME} has no float64: calibration"):
        found = predict("mnist-nmm-gradient", zoo, tmp_path / "float32", *options(device), *COPIES)
    assert not torch.equal(found.perturbation, expected.perturbation)
    assert torch.allclose(found.perturbation, expected.perturbation, rtol=1e-3, atol=1e-6)


def test_a_run_goes_on_after_it_was_stopped(
    zoo: Zoo, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same bits on any device: nothing is done twice. `--growth` keeps its cells."""
    words = [*options(device), *RUNS["nmm-bim"], "--growth"]
    whole = predict("mnist-nmm-bim", zoo, tmp_path / "whole", *words)
    end, calls = PerturbationAverage.on_predict_batch_end, 0

    def stop(self: PerturbationAverage, *arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        end(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(PerturbationAverage, "on_predict_batch_end", stop)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        predict("mnist-nmm-bim", zoo, tmp_path / "stopped", *words)
    monkeypatch.setattr(PerturbationAverage, "on_predict_batch_end", end)
    assert not (tmp_path / "stopped" / "manifest.json").exists()
    again = predict("mnist-nmm-bim", zoo, tmp_path / "stopped", *words)
    assert torch.equal(again.perturbation, whole.perturbation)
    assert torch.equal(kept(tmp_path / "stopped").total, kept(tmp_path / "whole").total)


def test_a_run_is_not_continued_on_another_device(
    zoo: Zoo,
    device: torch.device,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its sums would be of two devices, while the manifest names one."""
    words = [*SMALL, "--model.attack.steps", "1"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PerturbationAverage, "_stop_with_the_others", stop)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            predict("mnist-sm-bim", zoo, tmp_path, *options(CPU), *words)
    kept_files = sorted(tmp_path.rglob("*.safetensors"))
    assert kept_files
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-sm-bim", zoo, tmp_path, *options(device), *words)
    assert f"holds a different unfinished run (device: cpu there, {device.type} here)" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*.safetensors")) == kept_files


def test_a_plan_names_the_device(
    zoo: Zoo, device: torch.device, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "--config", "mnist-mm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *SMALL, "--plan"]
    with pytest.raises(SystemExit, match="0"):
        main([*words, *options(device)])
    printed = capsys.readouterr().out
    assert "30 perturbations: 3 models × 10 images × 1 copies" in printed
    assert "threads of this CPU" not in printed
    if device.type == NAME:
        assert f"on a device like the one measured, {NAME};" in printed


class NotANumber(nn.Module):
    """A model that gives NaN for its third batch and those after it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.looks = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(x)
        self.looks += 1
        return logits if self.looks <= 4 else logits * torch.nan


def test_a_failed_model_is_taken_out(
    zoo: Zoo, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it gave before is made again on the device, and taken off the sums."""
    load, bad, taken = ModelSpec.load, zoo.sources[1], []
    take_out = finish_average.take_out

    def loaded(self: ModelSpec) -> nn.Module:
        return NotANumber(load(self)).eval() if self == bad else load(self)

    def counted(*arguments: Any) -> None:
        taken.append(arguments)
        take_out(*arguments)

    monkeypatch.setattr(ModelSpec, "load", loaded)
    monkeypatch.setattr(finish_average, "take_out", counted)
    words = ["--data.per_class", "1", "--data.batch_size", "2", "--model.attack.steps", "2", "--model.exact", "true"]
    sets = [
        predict("mnist-mm-bim", zoo, tmp_path / where.type, *options(where), *words, "--skip-failed")
        for where in (CPU, device)
    ]
    assert agreeing(sets[1], sets[0], device)
    assert sets[1].count.tolist() == [2] * 10
    assert len(taken) == 4
    assert [one.name for one in sets[1].manifest.missing] == [bad.name]


@pytest.fixture(scope="module")
def made(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that the CPU made."""
    out = tmp_path_factory.mktemp("evaluated")
    predict("mnist-sm-bim", zoo, out, *options(CPU), "--data.per_class", "3", "--model.attack.steps", "3")
    return out


class TestEvaluation:
    def test_by_the_command(self, zoo: Zoo, device: torch.device, made: Path, widths: str) -> None:
        found = []
        for where in (CPU, device):
            main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(made), *options(where)])
            found.append(json.loads((made / EVALUATION).read_text()))
            assert found[-1].pop("arithmetic") == arithmetic(where)
        assert found[0] == found[1] if device.type == NAME else found[0].keys() == found[1].keys()

    def test_by_hand(self, zoo: Zoo, device: torch.device, made: Path, widths: str) -> None:
        perturbations, found = PerturbationSet.load(made), []
        for where in (CPU, device):
            judges = {spec.name: spec.load().to(where) for spec in zoo.judges}
            found.append(evaluate(perturbations, judges, epsilon=0.2, device=where))
        assert isinstance(found[0], Evaluation)
        assert found[0] == found[1] if device.type == NAME else found[0].judges.keys() == found[1].judges.keys()
