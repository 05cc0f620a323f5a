"""Runs that stop once their averages are reliable enough, and what is known of groups of models."""

from dataclasses import fields
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import lit_adv
from lit_adv.cli import main
from lit_adv.perturbations.cell_sums import SUMS
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.reliability import Reliability
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, Run, kept, predict, same, stop

STAGED = ("mnist-nmm-bim", [*BIM, "--data.sigma", "0.02", "--until", "0.2", "--data.batch_size", "4"])


@pytest.fixture(scope="module")
def relatives(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Eight models that differ little from one another, so that few are enough."""
    folder, generator = tmp_path_factory.mktemp("relatives"), torch.Generator().manual_seed(0)
    given = {field.name: getattr(zoo.sources[0], field.name) for field in fields(zoo.sources[0])}
    for name in ("macs", "checksum", "weights", "size", "library"):
        del given[name]
    for number in range(8):
        model = zoo.sources[0].build()
        weights = load_file(zoo.sources[0].weights)
        for name, tensor in weights.items():
            if tensor.ndim > 1:
                weights[name] = tensor * (1 + 0.03 * torch.randn(tensor.shape, generator=generator))
        model.load_state_dict(weights)
        Zoo.save(folder, {**given, "name": f"relative-{number}", "role": "source"}, model)
    return Zoo.open(folder)


@pytest.fixture(scope="module")
def staged(relatives: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stopped."""
    out = tmp_path_factory.mktemp("staged")
    predict(STAGED[0], relatives, out, *STAGED[1])
    return out


def test_a_run_that_stopped_is_a_set_like_any_other(relatives: Zoo, staged: Path) -> None:
    found = PerturbationSet.load(staged)
    assert (len(found.manifest.sources), found.manifest.copies) == (5, 1)
    assert found.manifest.until == {"models": 8, "copies": 3, "rho": 0.2, "reached": True}
    assert found.count.tolist() == [5] * len(found.label)
    sums = found.grouped()
    assert sums.copies == 1
    assert torch.allclose(sums.total.sum(0) / 5, found.perturbation.double(), atol=1e-6)
    assert found.manifest.reliability is not None
    assert found.manifest.reliability["rho"] > 0.2
    names = {spec.name: place for place, spec in enumerate(relatives.sources)}
    taken = Cells(8, 3, 0).taken[:5].tolist()
    assert [names[source.name] for source in found.manifest.sources] == sorted(taken)


def test_where_it_stops_does_not_depend_on_interruptions(relatives: Zoo, staged: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        predict(STAGED[0], relatives, tmp_path, *STAGED[1], *stop(2))
    predict(STAGED[0], relatives, tmp_path, *STAGED[1])
    assert same(tmp_path, staged)
    assert (tmp_path / SUMS).read_bytes() == (staged / SUMS).read_bytes()


@pytest.mark.soak
def test_where_it_stops_does_not_depend_on_the_number_of_processes(
    run: Run, relatives: Zoo, staged: Path, tmp_path: Path
) -> None:
    words = ["predict", "--config", STAGED[0], "--zoo", relatives.path, "--out", tmp_path, *STAGED[1]]
    assert run("-m", "lit_adv", *words, "--trainer.devices", "2").returncode == 0
    assert (tmp_path / SUMS).read_bytes() == (staged / SUMS).read_bytes()


def test_it_goes_on_when_more_is_asked(relatives: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name, words = STAGED
    first = predict(name, relatives, tmp_path / "staged", *words)
    predict(name, relatives, tmp_path / "staged", *words, "--until", "0.1")
    assert "holds this perturbation set already" in capsys.readouterr().out
    second = predict(name, relatives, tmp_path / "staged", *words, "--until", "0.99999")
    assert (first.count[0], second.count[0]) == (5, 24)
    assert second.manifest.until is not None
    assert not second.manifest.until["reached"]
    assert "was not reached" in capsys.readouterr().err
    whole = predict(name, relatives, tmp_path / "whole", *BIM, "--data.sigma", "0.02", "--data.batch_size", "4")
    assert torch.allclose(second.perturbation, whole.perturbation, atol=1e-4)
    assert not (tmp_path / "staged" / "partial").exists()


def test_groups_and_reliability_of_a_run(zoo: Zoo, nmm: Path) -> None:
    found = PerturbationSet.load(nmm)
    assert sorted(found.groups) == [(0,), (1,), (2,)]
    assert found.manifest.groups == 3
    reliability = Reliability.of(found)
    assert reliability is not None
    assert found.manifest.reliability is not None
    assert found.manifest.reliability["rho"] == reliability.rho
    for number, (place,) in enumerate(found.groups):
        others = found.without(number)
        assert found.manifest.sources[place] not in others.manifest.sources
        assert others.count.tolist() == [6] * len(found.label)
    assert kept(nmm).groups == found.groups


def test_equal_norms(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = predict("mnist-mm-gradient", zoo, tmp_path / "norm", "--data.per_class", "1", "--weight", "norm")
    plain = predict("mnist-mm-gradient", zoo, tmp_path / "plain", "--data.per_class", "1")
    assert (found.name, plain.name) == ("MM Gradient norm", "MM Gradient")
    assert torch.allclose(found.grouped().square_norms, torch.ones(3, 10).double(), atol=1e-9)
    images, labels = found.image, found.label
    index = torch.tensor(found.manifest.data.images)
    ours = lit_adv.average(
        zoo.sources, images, labels, lit_adv.Gradient(), weight="norm", index=index, fast=False, progress=False
    )
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(ours.perturbation.flatten(1), found.perturbation.flatten(1)).min() > 0.999
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-mm-gradient", zoo, tmp_path / "plain", "--data.per_class", "1", "--weight", "norm")
    assert "weight: none there, norm here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--until", "1"], "--until is 1; a reliability is above 0 and below 1"),
        (["--until", "0.9", "--growth"], "--until and --growth contradict each other"),
        (["--until", "0.9", "--skip-failed"], "--until and --skip-failed contradict each other"),
        (["--until", "0.9", "--groups", "1"], "--groups must be at least 2"),
        (["--until", "0.9", "--model.sources", "1"], "--until needs at least two source models"),
        (["--groups", "4"], "groups is 4; it must be 1 to 3, the number of source models"),
        (["--groups", "0"], "groups is 0; it must be 1 to 3"),
    ],
)
def test_options_that_make_no_sense(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *BIM, *words])
    assert says in capsys.readouterr().err
    assert not (tmp_path / "manifest.json").exists()
