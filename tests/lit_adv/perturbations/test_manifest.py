"""A manifest survives the way to disk and back, whatever its age, and two of them are told apart."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_adv.errors import InputError
from lit_adv.perturbations.differences import compare
from lit_adv.perturbations.manifest import (
    AttackRecord,
    DataRecord,
    Manifest,
    MissingRecord,
    SourceRecord,
    setting,
)

FINISHED: dict[str, Any] = {
    "setting": "MM",
    "attack": {"name": "BIM", "epsilon": 0.2, "steps": 100, "step_size": None, "clip": None},
    "exact": False,
    "precision": "float32",
    "sources": [{"name": "a", "checksum": "sha256:a"}, {"name": "c", "checksum": "sha256:c"}],
    "data": {
        "name": "mnist", "source": "embedded", "per_class": None, "targets": {"0": 1}, "images": [3, 1], "sha256": "12",
    },
    "copies": 20,
    "sigma": 0.0,
    "seed": 0,
    "batch_size": 250,
    "stacked": 1,
    "weight": "norm",
    "groups": 3,
    "growth": True,
    "until": {"models": 4, "copies": 20, "rho": 0.9, "reached": True},
    "device": "cpu",
    "torch": "2.14.1",
    "sums": "34",
    "missing": [{"name": "b", "checksum": "sha256:b", "place": 1, "reason": "gives NaN"}],
    "versions": {"numpy": "2"},
    "sha256": "56",
}  # fmt: skip
"""A file as runs have written it since their beginning."""
LATER = ("precision", "stacked", "weight", "groups", "growth", "until", "device", "torch", "sums")
FIRST_DAY = {name: value for name, value in FINISHED.items() if name not in LATER}
"""A file of the project's first day."""


def test_a_file_is_kept_byte_for_byte(tmp_path: Path) -> None:
    before = json.dumps(FINISHED, indent=2) + "\n"
    (tmp_path / "before").write_text(before)
    Manifest.load(tmp_path / "before").save(tmp_path / "after")
    assert (tmp_path / "after").read_text() == before


def test_fields() -> None:
    found = Manifest.from_json(FINISHED)
    assert found.attack == AttackRecord("BIM", {"epsilon": 0.2, "steps": 100, "step_size": None, "clip": None})
    assert found.sources == (SourceRecord("a", "sha256:a"), SourceRecord("c", "sha256:c"))
    assert found.missing == (MissingRecord("b", "sha256:b", 1, "gives NaN"),)
    assert (found.data.name, found.data.images, found.data.targeted, found.data.files) == ("mnist", (3, 1), True, ())


def test_older_and_newer_files() -> None:
    found = Manifest.from_json({**FIRST_DAY, "sun": {"shines": True}})
    assert (found.precision, found.stacked, found.device, found.torch) == ("float32", 1, "", "")
    assert found.to_json() == {**FIRST_DAY, "precision": "float32", "stacked": 1, "sun": {"shines": True}}
    assert list(found.to_json())[-1] == "sha256"


def test_growth_of_before_there_were_groups() -> None:
    found = Manifest.from_json({**FIRST_DAY, "growth": "34"})
    assert (found.growth, found.sums, found.groups) == (True, "34", 1)


def test_a_run_that_stopped() -> None:
    run = replace(Manifest.from_json(FIRST_DAY), missing=(), until={"models": 2, "copies": 20})
    stopped = run.stopped([1], 5, 0.9, reached=False)
    assert [source.name for source in stopped.sources] == ["c"]
    assert (stopped.copies, stopped.setting) == (5, setting(1, run.sigma))
    assert stopped.until == {"models": 2, "copies": 20, "rho": 0.9, "reached": False}


@pytest.mark.parametrize("content", [[], {}, {**FINISHED, "attack": "BIM"}, {**FINISHED, "sources": [{}]}])
def test_what_is_no_manifest(tmp_path: Path, content: Any) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"manifest.json: this is no manifest of a perturbation set"):
        Manifest.load(tmp_path / "manifest.json")


def test_settings() -> None:
    assert [setting(1, 0), setting(1, 0.2), setting(3, 0), setting(3, 0.2)] == ["SM", "NSM", "MM", "NMM"]


def test_compare_names_what_differs() -> None:
    there = {"attack": {"name": "BIM", "epsilon": 0.2}, "copies": 20, "sources": ["a"]}
    assert compare(there, there) == ""
    here = {"attack": {"name": "BIM", "epsilon": 0.1}, "copies": 5, "sources": ["b"]}
    assert compare(there, here) == "attack.epsilon: 0.2 there, 0.1 here; copies: 20 there, 5 here; other sources"


@given(st.integers(1, 8), st.sets(st.integers(0, 7)), st.sampled_from([0.0, 0.2]))
def test_without_and_with_missing_are_inverse(models: int, failed: set[int], sigma: float) -> None:
    total = Manifest(
        setting=setting(models, sigma),
        attack=AttackRecord("BIM"),
        data=DataRecord("mnist"),
        sources=tuple(SourceRecord(f"model-{i}", f"sha256:{i}") for i in range(models)),
        sigma=sigma,
    )
    reasons = {place: f"reason {place}" for place in failed if place < models}
    fewer = total.without(reasons)
    assert fewer.with_missing() == total
    assert {model.place: model.reason for model in fewer.missing} == reasons
    assert fewer.sources == tuple(source for place, source in enumerate(total.sources) if place not in reasons)
    assert fewer.setting == setting(models - len(reasons), sigma)
    assert total.without({}) is total
    assert replace(fewer, missing=()).with_missing().sources == fewer.sources
