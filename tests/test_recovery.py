"""Runs that are killed, run out of disk, lose a model, or are spread over hosts end in the same perturbation set."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from filelock import FileLock
from torch import Tensor, nn

from lit_adv import attack_module
from lit_adv.errors import InputError
from lit_adv.perturbations.exact_mean import ExactMean
from lit_adv.perturbations.partial_sums import State, load_state, save_state
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.processes import Peers
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, TINY, kept, predict, same, stop


def test_a_disk_that_fills_up(zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saves: list[Path] = []

    def filling(path: Path, state: State) -> None:
        saves.append(path)
        if len(saves) > 5:
            raise InputError(f"cannot write {path}: No space left on device")
        save_state(path, state)

    often = tmp_path / "often.yaml"
    callback = {"class_path": "callbacks.perturbation_average.PerturbationAverage", "init_args": {"save_every": 0}}
    often.write_text(yaml.safe_dump({"trainer": {"callbacks": [callback]}}))
    monkeypatch.setattr("lit_adv.perturbations.saving.LONGEST_WAIT", 0)
    monkeypatch.setattr("lit_adv.perturbations.saving.save_state", filling)
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path / "out", *BIM, "--config", str(often))
    monkeypatch.undo()
    (kept,) = (tmp_path / "out" / "partial").glob("start-*")
    assert int(load_state(kept)["done"].sum()) == 5
    predict("mnist-nmm-bim", zoo, tmp_path / "out", *BIM)
    assert same(tmp_path / "out", nmm)


def test_broken_off_amid_an_addition(zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = ExactMean.add

    def interrupted(self: ExactMean, image: Tensor, perturbation: Tensor) -> int:
        add(self, image, perturbation)
        raise SystemExit(143)

    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, *stop(4))
    monkeypatch.setattr(ExactMean, "add", interrupted)
    with pytest.raises(SystemExit, match="143"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    monkeypatch.undo()
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert same(tmp_path, nmm)


def test_a_perturbation_that_cannot_be_added_loses_nothing(
    zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ExactMean.add
    calls: list[int] = []

    def refusing(self: ExactMean, image: Tensor, perturbation: Tensor) -> int:
        calls.append(len(image))
        return add(self, image, perturbation if len(calls) < 6 else perturbation * torch.nan)

    monkeypatch.setattr(ExactMean, "add", refusing)
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert "model-002, batch 5: a perturbation's magnitude is nan" in capsys.readouterr().err
    monkeypatch.undo()
    (kept,) = (tmp_path / "partial").glob("start-*")
    assert int(load_state(kept)["done"].sum()) == 5
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert same(tmp_path, nmm)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_what_is_done(
    zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """In an attack, amid an addition (which is finished first), and while waiting at the end."""
    add, perturb, wait = ExactMean.add, attack_module.perturb_batch, Peers.wait_for_all
    expected = iter((4, 9, 12))
    handler = signal.getsignal(signal.SIGINT)

    def after(times: int, function: Callable[..., Any]) -> Callable[..., Any]:
        left = iter(range(times - 1, -1, -1))

        def sending(*words: Any) -> Any:
            result = function(*words)
            if not next(left, 1):
                signal.raise_signal(number)
            return result

        return sending

    for owner, name, replacement in (
        (attack_module, "perturb_batch", after(5, perturb)),
        (ExactMean, "add", after(5, add)),
        (Peers, "wait_for_all", after(1, wait)),
    ):
        monkeypatch.setattr(owner, name, replacement)
        with pytest.raises(SystemExit, match=str(128 + number)):
            predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
        monkeypatch.undo()
        assert signal.getsignal(signal.SIGINT) is handler
        done = sum(load_state(path)["done"].int().sum() for path in (tmp_path / "partial").glob("*.safetensors"))
        assert done == next(expected)
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert same(tmp_path, nmm)


def test_one_start_at_a_time(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that has just begun holds no work yet, but has not ended: no other start replaces it."""
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-mm-deepfool", zoo, tmp_path, *TINY, "--model.attack.top_k", "11")
    for words in (TINY, [*TINY, "--model.attack.top_k", "11"], [*TINY, "--restart"]):
        with FileLock(tmp_path / "partial" / "lock"), pytest.raises(SystemExit, match="2"):
            predict("mnist-mm-deepfool", zoo, tmp_path, *words)
        assert "another start of this run is at work" in capsys.readouterr().err
    predict("mnist-mm-deepfool", zoo, tmp_path, *TINY)


def test_another_device_or_version_is_another_unfinished_run(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, *stop(4))
    monkeypatch.setattr(torch, "__version__", "9.9.0")
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert "9.9.0 here); choose another --out, or --restart" in capsys.readouterr().err
    monkeypatch.undo()
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    monkeypatch.setattr(torch, "__version__", "9.9.0")
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert "holds this perturbation set already" in capsys.readouterr().out


def test_sums_left_by_a_killed_start_of_other_settings_do_not_count(zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, "--data.sigma", "0.1", *stop(4))
    (old,) = (tmp_path / "partial").glob("start-*")
    content = old.read_bytes()
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, "--restart", *stop(4))
    old.write_bytes(content)  # a process of the first start that had survived
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert same(tmp_path, nmm)


class Broken(nn.Module):
    """NaN for noisy copies of some images: from the one at `first`."""

    def __init__(self, model: nn.Module, images: Tensor, first: int) -> None:
        super().__init__()
        self.model, self.images, self.first = model, images, first
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        nearest = torch.cdist(x.flatten(1), self.images.flatten(1)).argmin(1)
        return logits.masked_fill((nearest >= self.first)[:, None], torch.nan)


@pytest.mark.parametrize("first", [0, 8, None], ids=["at once", "half way", "cannot be loaded"])
def test_a_model_that_fails_is_left_out(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], first: int | None
) -> None:
    arguments = [*BIM, "--model.exact", "true", "--growth"]
    expected = predict("mnist-nmm-bim", zoo, tmp_path / "two", *arguments, "--model.sources", "2")
    load = ModelSpec.load

    def failing(self: ModelSpec) -> nn.Module:
        if self != zoo.sources[2]:
            return load(self)
        if first is None:
            raise InputError(f"no weight file for {self.name}")
        return Broken(load(self), expected.image, first)

    monkeypatch.setattr(ModelSpec, "load", failing)
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, out, *arguments)
    assert "model-003" in capsys.readouterr().err
    found = predict("mnist-nmm-bim", zoo, out, *arguments, "--skip-failed")
    assert capsys.readouterr().err.count("left out: model-003: ") == 1
    assert torch.equal(found.perturbation, expected.perturbation)
    assert torch.equal(kept(out).averages(2, 3)[0], found.perturbation)
    assert len(kept(out).averages(1, 3)) == 2
    assert found.count.tolist() == [6] * 10
    assert [s.name for s in found.manifest.sources] == ["model-001", "model-002"]
    assert [m.name for m in found.manifest.missing] == ["model-003"]
    predict("mnist-nmm-bim", zoo, out, *arguments, "--skip-failed")
    assert "holds this perturbation set already, without model-003, which failed" in capsys.readouterr().out


def test_no_model_is_left(
    zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load, images = ModelSpec.load, PerturbationSet.load(nmm).image
    monkeypatch.setattr(ModelSpec, "load", lambda self: Broken(load(self), images, 0))
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, "--model.exact", "true", "--skip-failed")
    assert "model-003 gives logits that are not finite" in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("first", [0, None], ids=["NaN", "cannot be loaded"])
def test_a_model_of_a_stack_that_fails(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], first: int | None
) -> None:
    arguments = [*BIM[:-4], "--data.batch_size", "30", "--model.attack.steps", "3"]
    two = predict("mnist-mm-bim", zoo, tmp_path / "two", *arguments, "--model.sources", "[model-001, model-003]")
    load = ModelSpec.load

    def failing(self: ModelSpec) -> nn.Module:
        model = load(self)
        if self == zoo.sources[1]:
            if first is None:
                raise InputError(f"no weight file for {self.name}")
            model[0].weight.mul_(torch.nan)  # type: ignore[index]
        return model

    monkeypatch.setattr(ModelSpec, "load", failing)
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-mm-bim", zoo, tmp_path / "out", *arguments)
    found = predict("mnist-mm-bim", zoo, tmp_path / "out", *arguments, "--skip-failed", "--growth", "--restart")
    assert found.manifest.stacked == 3
    assert [m.name for m in found.manifest.missing] == ["model-002"]
    assert found.count.tolist() == [2] * 10
    assert torch.equal(kept(tmp_path / "out").overall().mean(), found.perturbation)
    assert torch.nn.functional.cosine_similarity(found.perturbation.flatten(), two.perturbation.flatten(), 0) > 0.99


def test_what_was_counted_must_be_found_anew(
    zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*BIM, "--model.exact", "true"]
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *arguments, *stop(9))
    load, images = ModelSpec.load, PerturbationSet.load(nmm).image

    class Other(Broken):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * torch.linspace(1, 2, 10)

    def failing(self: ModelSpec) -> nn.Module:
        return Other(load(self), images, 8) if self == zoo.sources[2] else load(self)

    monkeypatch.setattr(ModelSpec, "load", failing)
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *arguments, "--skip-failed")
    assert "cannot be taken off the averages: the perturbations are not bit for bit" in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()


def test_zeros_are_counted_and_spoken_of(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """DeepFool gives 0 where a model is wrong from the start, as the tiny ones often are."""
    found = predict("mnist-sm-deepfool", zoo, tmp_path, *TINY)
    empty = int((found.perturbation == 0).flatten(1).all(1).sum())
    assert empty > 0
    assert found.manifest.zeros == {zoo.sources[0].name: empty}
    assert f"exactly 0: {10 * empty} % of those of {zoo.sources[0].name}; they count" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["terminal", pytest.param("pipe", marks=pytest.mark.soak)])
def test_a_terminal_that_closes_ends_no_run(zoo: Zoo, nmm: Path, tmp_path: Path, kind: str) -> None:
    """The reader goes after the first line; the work is done to its end all the same, and the set is written."""
    ours, theirs = os.openpty() if kind == "terminal" else os.pipe()
    words = ["predict", "--config", "mnist-nmm-bim", "--zoo", zoo.path, "--out", tmp_path, *BIM]
    command = [sys.executable, "-m", "lit_adv", *map(str, words)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        assert os.read(ours, 10)
        os.close(ours)
        assert process.wait(120) == 0
    assert same(tmp_path, nmm)
