"""The page shows what the thesis shows and does not know the answers; the key does."""

import json
import re
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.study.build import build, design
from lit_adv.study.design import Study
from lit_adv.study.jspsych import LIBRARIES
from tests.lit_adv.study.conftest import small_set


def opened(path: Path) -> Image.Image:
    """A picture with its file closed again."""
    with Image.open(path) as picture:
        picture.load()
        return picture


def definition(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="study">(.*?)</script>', (page / "index.html").read_text())
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_key_and_page(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path, group_size=6, title='<b>Cats & "dogs"</b>')
    study, loaded = Study.load(tmp_path / "key.json"), PerturbationSet.load(folder)
    assert study.perturbations["sha256"] == loaded.manifest.sha256
    assert sorted(trial.position for trial in study.trials.values()) == list(range(12))
    assert [len(group) for group in study.groups] == [6, 6]
    for group in study.groups:
        assert Counter(study.trials[name].label for name in group) == {"cat": 2, "dog": 2, "ship": 2}
    for name, trial in study.trials.items():
        assert trial.label == {3: "cat", 5: "dog", 8: "ship"}[int(loaded.label[trial.position])]
        assert trial.choices == ("cat", "dog", "ship")
        # −δ with CIFAR-10's mean and standard deviation in each channel.
        delta = loaded.perturbation[trial.position].double().numpy()
        for c, (mean, std) in enumerate([(0.4914, 0.2470), (0.4822, 0.2435), (0.4465, 0.2616)]):
            shown = np.clip((delta[c].mean() - delta[c]) / delta[c].std() * std + mean, 0, 1) * 255
            picture = np.asarray(opened(tmp_path / "page" / "images" / name))[..., c]
            assert np.abs(picture - shown).max() <= 0.51
    html = (tmp_path / "page" / "index.html").read_text()
    assert unescape(html).count('<b>Cats & "dogs"</b>') == 2
    assert "<b>" not in html
    assert "width: 384px" in html
    assert "image-rendering: pixelated" in html


def test_the_page_does_not_know_the_answers(folder: Path, tmp_path: Path) -> None:
    """It holds classes, keys, groups and pictures; these are numbered in an order of their own, without metadata."""
    study = build(folder, tmp_path, group_size=6)
    page = tmp_path / "page"
    assert definition(page) == {
        "id": study.id,
        "classes": ["cat", "dog", "ship"],
        "keys": "1234567890abcdefghijklmnopqrstuvwxyz",
        "ownKeys": False,
        "groups": study.groups,
        "choices": {},
    }
    names = sorted(path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file())
    assert names == [*(f"images/{n:04}.png" for n in range(12)), "index.html", "study.js"]
    assert [study.trials[name].label for name in study.trials] != sorted(t.label for t in study.trials.values())
    assert all(opened(page / "images" / name).info == {} for name in study.trials)


def test_links_to_the_cdn_carry_integrity(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path)
    html = (tmp_path / "page" / "index.html").read_text()
    links = re.findall(r'(?:src|href)="(https://[^"]*)" integrity="([^"]*)" crossorigin="anonymous"', html)
    assert links == [(one.url, one.integrity) for one in LIBRARIES]
    assert html.count("https://") == len(links)


def test_offline_holds_jspsych(folder: Path, tmp_path: Path, node_modules: Path) -> None:
    build(folder, tmp_path, offline=node_modules)
    html = (tmp_path / "page" / "index.html").read_text()
    assert "https://" not in html
    for one in LIBRARIES:
        assert f'="{one.local}"' in html
        assert (tmp_path / "page" / one.local).read_bytes() == (node_modules / one.package / one.file).read_bytes()


def test_choices(folder: Path, tmp_path: Path) -> None:
    study = build(folder, tmp_path, choices=2)
    assert study.chance == 0.5
    assert len(study.groups) == 1
    page = definition(tmp_path / "page")
    for name, trial in study.trials.items():
        assert trial.label in trial.choices
        assert tuple(page["classes"][c] for c in page["choices"][name]) == trial.choices
    assert build(folder, tmp_path / "again", choices=2) == study
    assert build(folder, tmp_path / "other", choices=2, seed=1).id != study.id


def test_targeted_sets_ask_for_the_target(tmp_path: Path) -> None:
    small_set(targeted=True).save(tmp_path / "set")
    study = build(tmp_path / "set", tmp_path)
    assert {trial.label for trial in study.trials.values()} == {"frog"}
    assert study.classes == ("cat", "dog", "frog", "ship")
    name, trial = next(iter(study.trials.items()))
    delta = small_set().perturbation[trial.position]
    expected = 255 * (0.5 + delta / delta.abs().max() / 2)
    picture = np.asarray(opened(tmp_path / "page" / "images" / name))
    assert np.abs(picture - expected.permute(1, 2, 0).numpy()).max() <= 0.51


def test_digits_have_their_own_keys(tmp_path: Path) -> None:
    digits = PerturbationSet(
        perturbation=torch.randn(4, 1, 28, 28),
        image=torch.rand(4, 1, 28, 28),
        label=torch.tensor([7, 0, 7, 3]),
        count=torch.ones(4, dtype=torch.long),
        manifest=Manifest(setting="SM", attack=AttackRecord("CW"), data=DataRecord("mnist")),
    )
    digits.save(tmp_path / "set")
    build(tmp_path / "set", tmp_path)
    page = definition(tmp_path / "page")
    assert (page["classes"], page["ownKeys"]) == (["0", "3", "7"], True)
    assert opened(tmp_path / "page" / "images" / "0000.png").mode == "L"
    assert "width: 364px" in (tmp_path / "page" / "index.html").read_text()


def test_another_study_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    build(folder, tmp_path)
    key = (tmp_path / "key.json").read_bytes()
    build(folder, tmp_path, title="Another title")
    assert (tmp_path / "key.json").read_bytes() == key
    with pytest.raises(InputError, match="holds another study"):
        build(folder, tmp_path, seed=1)
    (tmp_path / "key.json").unlink()
    with pytest.raises(InputError, match=r"no .*key\.json"):
        build(folder, tmp_path)


@pytest.mark.parametrize(
    ("group_size", "choices", "seed", "message"),
    [
        (50, 1, 0, "1 choices of a set of 3 classes: give --choices 2 to 3"),
        (50, 4, 0, "4 choices of a set of 3 classes"),
        (0, None, 0, "group size 0"),
        (50, None, -1, "seed -1"),
    ],
)
def test_numbers_out_of_range(folder: Path, group_size: int, choices: int | None, seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        design(PerturbationSet.load(folder), group_size, choices, seed)


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["study", "build", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert re.fullmatch(r"lit-adv: no finished perturbation set in .*\n", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()
