"""Samples of images: by position only, all classes alike, and the page says that it is one."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.evaluation.judge_figures import JudgeFigures
from lit_adv.evaluation.result import Evaluation
from lit_adv.figures.report import report
from lit_adv.figures.sample import MOST_CLASSES, MOST_IMAGES, one_of_each, spread
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet


def saved(folder: Path, images: int) -> Path:
    """A judged set of noise."""
    x = torch.rand(images, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    manifest = Manifest(setting="NMM", attack=AttackRecord("BIM"), data=DataRecord("mnist"), copies=1)
    PerturbationSet(
        perturbation=x - 0.5,
        image=x,
        label=torch.arange(images) % 10,
        count=torch.ones(images, dtype=torch.int64),
        manifest=manifest,
    ).save(folder)
    found = PerturbationSet.load(folder)
    judge = JudgeFigures(white_box=False, clean=0.9, noise=0.9, attack=0.1, recognized=0.7)
    Evaluation(
        set=found.name, data="mnist", sha256=found.manifest.sha256, images=images, answers=10,
        perturbations_per_image=1, epsilon=0.1, judges={"judge": judge},
    ).save(folder / EVALUATION)  # fmt: skip
    return folder


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 50))
def test_classes_take_turns(labels: list[int], most: int) -> None:
    label = torch.tensor(labels)
    index = spread(label, most).tolist()
    assert index == sorted(set(index))
    assert len(index) == min(most, len(labels))
    drawn = {c: [i for i in index if labels[i] == c] for c in set(labels)}
    for c, those in drawn.items():
        assert those == [i for i, other in enumerate(labels) if other == c][: len(those)]
        whole = len(those) == labels.count(c)
        assert whole or all(len(others) <= len(those) + 1 for others in drawn.values())


def test_the_first_hundred_classes_are_shown_and_the_page_says_so() -> None:
    index, left_out = one_of_each(torch.arange(10_000))
    assert index.tolist() == list(range(MOST_CLASSES))
    assert left_out == "Of the 10000 classes the first 100 are shown."
    assert one_of_each(torch.arange(MOST_CLASSES).repeat(2))[1] == ""


def test_a_report_draws_a_sample_of_many_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[torch.Tensor] = []
    monkeypatch.setattr("lit_adv.figures.report.many", lambda sets, index: drawn.append(index) or b"")
    report([saved(tmp_path / "set", 10_000)], tmp_path / "page")
    assert [len(index) for index in drawn] == [MOST_IMAGES]
    assert capsys.readouterr().err == "drawing 200 of 10000 images and 10 of 10 classes …\n"
    html = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "A sample of the images" in html
    assert "200 of the 10000 images" in html
    assert "All images" not in html


def test_few_images_are_all_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lit_adv.figures.report.many", lambda sets, index: bytes(len(index)))
    report([saved(tmp_path / "set", 12)], tmp_path / "page")
    assert (tmp_path / "page" / "all.png").stat().st_size == 12
    html = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "All images" in html
    assert "sample" not in html
