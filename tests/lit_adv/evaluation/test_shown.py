"""Nobody judges an average that it helped to make, where the set can give another one."""

from dataclasses import replace

import pytest
import torch

from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.shown import Averages
from tests.lit_adv.evaluation.grouped import grouped, judge


def test_a_source_is_shown_the_average_without_its_group() -> None:
    one = grouped(of=2)
    averages = Averages(one)
    for place in range(6):
        shown = averages.shown(f"sha256:s{place}")
        assert torch.equal(shown.perturbations.perturbation, one.without(place // 2).perturbation)
        assert f"sha256:s{place}" not in {source.checksum for source in shown.perturbations.manifest.sources}
        assert (shown.white_box, shown.without) == (False, 2)
    stranger = averages.shown("sha256:other")
    assert stranger.perturbations is one
    assert (stranger.white_box, stranger.without) == (False, 0)
    assert not averages.shown("").white_box


def test_without_groups_a_source_is_a_white_box() -> None:
    shown = Averages(replace(grouped(), own=())).shown("sha256:s1")
    assert (shown.white_box, shown.without) == (True, 0)


def test_a_model_in_two_groups_helped_whatever_is_left_out() -> None:
    one = grouped()
    manifest = replace(one.manifest, sources=(*one.manifest.sources[:2], one.manifest.sources[0]))
    assert Averages(replace(one, manifest=manifest)).shown("sha256:s0").white_box


def test_sources_judge_each_other_and_have_a_mean() -> None:
    one = grouped(groups=4)
    judges = {f"m{seed}": judge(seed) for seed in range(5)}
    checksums = {f"m{seed}": f"sha256:s{seed}" for seed in range(5)}
    found = evaluate(one, judges, checksums=checksums)
    for group in range(4):
        alone = evaluate(one.without(group), {"a": judges[f"m{group}"]}, checksums={"a": "sha256:other"}).judges["a"]
        ours = found.judges[f"m{group}"]
        assert (ours.cross, ours.without, ours.white_box) == (True, 1, False)
        assert replace(ours, cross=False, without=0, checksum="", auc=None) == replace(alone, checksum="", auc=None)
        assert ours.auc is not None
        assert alone.auc is not None
        assert ours.auc == replace(alone.auc, p=None)
    held_out = found.judges["m4"]
    assert (held_out.cross, held_out.without, held_out.white_box) == (False, 0, False)
    assert held_out == evaluate(one, {"m4": judges["m4"]}, checksums=checksums).judges["m4"]
    cross = found.cross
    assert cross is not None
    assert (cross.judges, cross.without) == (4, 4)
    for name in ("recognized", "prior_off", "clean", "noise", "attack", "attack_l2"):
        shares = [figures.share(name) for figures in found.judges.values() if figures.cross]
        spread = cross.share(name)  # type: ignore[arg-type]
        assert spread.value == pytest.approx(sum(map(float, shares)) / 4)
        assert (spread.lowest, spread.highest) == pytest.approx((min(shares), max(shares)))
        assert spread.low <= spread.value <= spread.high
    assert cross.auc is not None
    assert cross.p is not None
    assert list(found.judges) == list(judges)


def test_who_judges_each_other_can_be_said() -> None:
    one = grouped()
    judges, checksums = {"a": judge(0), "b": judge(1)}, {"a": "sha256:s0", "b": "sha256:else"}
    found = evaluate(one, judges, checksums=checksums, cross={"b"})
    assert {name: figures.cross for name, figures in found.judges.items()} == {"a": False, "b": True}
    assert found.judges["a"].without == 1
    assert evaluate(replace(one, own=()), judges, checksums=checksums).cross is None
