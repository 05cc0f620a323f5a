"""What a run is called, and how two runs differ."""

from lit_adv.perturbations.manifest import compare, setting, with_missing, without


def test_settings() -> None:
    assert [setting(1, 0), setting(1, 0.2), setting(3, 0), setting(3, 0.2)] == ["SM", "NSM", "MM", "NMM"]


def test_compare_names_what_differs() -> None:
    there = {"attack": {"name": "BIM", "epsilon": 0.2}, "copies": 20, "sources": ["a"]}
    assert compare(there, there) == ""
    here = {"attack": {"name": "BIM", "epsilon": 0.1}, "copies": 5, "sources": ["b"]}
    assert compare(there, here) == "attack.epsilon: 0.2 there, 0.1 here; copies: 20 there, 5 here; other sources"


def test_a_run_without_some_models_is_the_same_run() -> None:
    sources = [{"name": name, "checksum": f"sha256:{name}"} for name in "abc"]
    run = {"setting": "MM", "sigma": 0.0, "sources": sources}
    shorter = without(run, {0: "cannot be loaded", 2: "gives NaN"})
    assert shorter["setting"] == "SM"
    assert [s["name"] for s in shorter["sources"]] == ["b"]
    assert [(m["name"], m["place"], m["reason"]) for m in shorter["missing"]] == [
        ("a", 0, "cannot be loaded"),
        ("c", 2, "gives NaN"),
    ]
    assert compare(with_missing(shorter), run) == ""
    assert without(run, {}) == with_missing(run) == run
