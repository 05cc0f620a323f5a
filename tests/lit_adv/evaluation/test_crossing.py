"""`lit-adv test`: source models judge what they did not help to make, and an average is none without groups."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import lit_adv
from lit_adv.cli import main
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.judge_figures import SHARES
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, predict

STEPS = [*TINY, "--model.attack.steps", "2", "--model.attack.epsilon", "0.2"]


def evaluated(zoo: Zoo, out: Path, *words: str) -> Evaluation:
    main(
        [
            "test",
            "--config",
            "mnist-test",
            "--zoo",
            str(zoo.path),
            "--out",
            str(out),
            "--trainer.accelerator",
            "cpu",
            *words,
        ]
    )
    return Evaluation.load(out / "evaluation.json")


def test_sources_judge_a_set_of_one_model(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = predict("mnist-sm-bim", zoo, tmp_path, *STEPS)
    capsys.readouterr()
    found = evaluated(zoo, tmp_path)
    told = capsys.readouterr()
    assert "2 source models judge, none an average that it helped to make …" in told.err
    assert "2 source models, not" in told.out
    used, *others = zoo.sources
    assert made.manifest.sources[0].name == used.name
    crossing = [name for name, judge in found.judges.items() if judge.cross]
    assert crossing == [spec.name for spec in others]
    models = {spec.name: spec.load() for spec in (*zoo.judges, *others)}
    checksums = {spec.name: spec.checksum for spec in zoo.models}
    alike = evaluate(PerturbationSet.load(tmp_path), models, checksums=checksums, cross=set(crossing))
    assert (alike.judges, alike.cross) == (found.judges, found.cross)
    assert found.cross is not None
    assert (found.cross.judges, found.cross.without) == (2, 0)
    alone = evaluated(zoo, tmp_path, "--model.cross", "false")
    assert alone.cross is None
    assert alone.judges == {name: judge for name, judge in found.judges.items() if not judge.cross}


def test_sources_named_as_judges_have_rows_of_their_own(zoo: Zoo, tmp_path: Path) -> None:
    predict("mnist-sm-bim", zoo, tmp_path, *STEPS)
    used, second, third = (spec.name for spec in zoo.sources)
    found = evaluated(zoo, tmp_path, "--model.judges", f"[{used}, {second}]")
    assert {name: (judge.cross, judge.white_box) for name, judge in found.judges.items()} == {
        used: (False, True), second: (False, False), third: (True, False),
    }  # fmt: skip


def test_sources_judge_an_average_without_their_own_group(zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    out = shutil.copytree(nmm, tmp_path / "set")
    found = evaluated(zoo, out, "--model.judges", f"[{zoo.judges[0].name}, {zoo.sources[0].name}]")
    whole = PerturbationSet.load(out)
    assert sorted(whole.groups) == [(0,), (1,), (2,)]
    for place, spec in enumerate(zoo.sources):
        judge, group = found.judges[spec.name], whole.groups.index((place,))
        assert (judge.without, judge.white_box, judge.cross) == (1, False, place > 0)
        alone = evaluate(whole.without(group), {"a": spec}).judges["a"]
        assert (alone.white_box, alone.without) == (False, 0)
        assert [judge.share(name) for name in SHARES] == [alone.share(name) for name in SHARES]
    assert found.cross is not None
    assert (found.cross.judges, found.cross.without) == (2, 2)


def test_a_set_without_groups_says_who_does_not_judge(
    zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = PerturbationSet.load(nmm)
    replace(made, sums=None, manifest=replace(made.manifest, sums=None)).save(tmp_path)
    capsys.readouterr()
    found = evaluated(zoo, tmp_path)
    assert "3 source models do not judge: the set keeps no average without them" in capsys.readouterr().err
    assert (found.cross, list(found.judges)) == (None, [zoo.judges[0].name])


def test_a_zoo_of_sources_alone_judges_itself(
    zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = tmp_path / "sources.yaml"
    sources.write_text(f"data: mnist\nsources:\n  - folder: {zoo.path}\n")
    out = shutil.copytree(nmm, tmp_path / "set")
    alone = Zoo.open(sources)
    found = evaluated(alone, out)
    assert found.cross is not None
    assert (found.cross.judges, [judge.cross for judge in found.judges.values()]) == (3, [True] * 3)
    assert [row[0] for row in found.table().rows] == ["3 source models, each on the average without its own group"]
    with pytest.raises(SystemExit):
        evaluated(alone, out, "--model.cross", "false")
    assert "has no test model; name judges with --model.judges" in capsys.readouterr().err
    made = PerturbationSet.load(nmm)
    replace(made, sums=None, manifest=replace(made.manifest, sums=None)).save(tmp_path / "old")
    with pytest.raises(SystemExit):
        evaluated(alone, tmp_path / "old")
    assert "nobody can judge the set: the zoo has no test model, and no source" in capsys.readouterr().err


def test_modules_that_were_attacked_judge_each_other(zoo: Zoo) -> None:
    images, labels = lit_adv.digits(per_class=1)
    models = [spec.load() for spec in zoo.sources]
    found = lit_adv.average(models, images, labels, lit_adv.BIM(epsilon=0.2, steps=1))
    judges = {f"m{place}": model for place, model in enumerate(models)}
    evaluation = lit_adv.evaluate(found, {**judges, "held out": zoo.judges[0]})
    assert [figures.cross for figures in evaluation.judges.values()] == [True] * 3 + [False]
    assert not any(figures.white_box for figures in evaluation.judges.values())
    assert evaluation.cross is not None
    assert evaluation.cross.without == 3
    first = lit_adv.average(models[1:], images, labels, lit_adv.BIM(epsilon=0.2, steps=1), seed=0)
    assert evaluation["m0"].attack == lit_adv.evaluate(first, {"m0": models[0]})["m0"].attack
