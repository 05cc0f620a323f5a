"""The line about perturbations that are 0."""

from collections.abc import Mapping

import pytest

from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.zeros import many_zeros


def manifest(zeros: Mapping[str, int] | None) -> Manifest:
    data = DataRecord("mnist", images=tuple(range(20)))
    return Manifest(setting="NMM", attack=AttackRecord("BIM"), data=data, copies=5, sigma=0.1, zeros=zeros)


@pytest.mark.parametrize("zeros", [None, {}, {"a": 5}])
def test_a_few_are_not_spoken_of(zeros: Mapping[str, int] | None) -> None:
    assert many_zeros(manifest(zeros)) == ""


def test_the_worst_models_are_named() -> None:
    line = many_zeros(manifest({"a": 6, "b": 100, "c": 5, "d": 40, "e": 7}))
    assert "100 % of those of b, 40 % of those of d, 7 % of those of e, more than 5 % of those of 1 more" in line


def test_old_manifests_say_nothing_of_zeros() -> None:
    content = manifest({"a": 3}).to_json()
    assert Manifest.from_json(content).zeros == {"a": 3}
    del content["zeros"]
    assert Manifest.from_json(content).zeros is None
    assert "zeros" not in manifest(None).to_json()
    assert manifest({}).to_json()["zeros"] == {}
