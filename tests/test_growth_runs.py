"""Runs that keep how their averages grow."""

from pathlib import Path

import pytest
import torch

from lit_adv.cli import main
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, TINY, Run, kept, predict, same, stop


@pytest.mark.soak
def test_growth_begun_by_one_process_and_finished_by_two(run: Run, zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM, "--growth", *stop(5))
    words = ["predict", "--config", "mnist-nmm-bim", "--zoo", zoo.path, "--out", tmp_path, *BIM]
    assert run("-m", "lit_adv", *words, "--trainer.devices", "2").returncode == 0
    assert same(tmp_path, nmm)
    assert torch.equal(kept(tmp_path).averages(3, 3)[0], PerturbationSet.load(nmm).perturbation)


def test_growth_keeps_the_averages_of_fewer_models_and_copies(
    zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, out, *BIM, "--growth", *stop(5))
    predict("mnist-nmm-bim", zoo, out, *BIM)  # goes on as it was begun
    assert same(out, nmm)
    growth = kept(out)
    (whole,) = growth.averages(3, 3)
    assert torch.equal(whole, PerturbationSet.load(nmm).perturbation)
    first = predict("mnist-nmm-bim", zoo, tmp_path / "first", *BIM, "--model.sources", "1")
    place = growth.cells.order.tolist().index(0)
    assert torch.equal(growth.averages(1, 3)[place], first.perturbation)
    predict("mnist-nmm-bim", zoo, out, *BIM)
    predict("mnist-nmm-bim", zoo, out, *BIM, "--growth")
    assert capsys.readouterr().out.count("holds this perturbation set already") == 2
    predict("mnist-nmm-bim", zoo, out, *BIM, "--restart")
    assert not kept(out).cells.growth
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, nmm, *BIM, "--growth")
    assert "a different finished run (growth: False there, True here)" in capsys.readouterr().err


def test_growth_tells_the_models_of_a_stack_apart(zoo: Zoo, tmp_path: Path) -> None:
    words = [*TINY[:-2], "--data.batch_size", "60", "--data.copies", "2", "--model.attack.steps", "2"]
    stacked = predict("mnist-nmm-bim", zoo, tmp_path / "stacked", *words, "--growth")
    assert stacked.manifest.stacked == 3
    predict("mnist-nmm-bim", zoo, tmp_path / "alone", *words, "--growth", "--model.exact", "true")
    for n in (1, 2):
        pairs = zip(kept(tmp_path / "stacked").averages(1, n), kept(tmp_path / "alone").averages(1, n), strict=True)
        for ours, exact in pairs:
            assert torch.nn.functional.cosine_similarity(ours.flatten(), exact.flatten(), 0) > 0.99


def test_growth_is_planned_for(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs = []
    for flags in (["--groups", "1"], [], ["--growth"]):
        words = ["--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *BIM, "--plan", *flags]
        with pytest.raises(SystemExit, match="0"):
            main(["predict", *words])
        needs.append(float(capsys.readouterr().out.rsplit(", ", 1)[1].split(" MiB at last")[0]))
    assert needs == [0, 0, 1]  # 10 digits of 6 KiB, and those in 3 and in 3 · 3 cells
