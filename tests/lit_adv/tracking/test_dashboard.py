"""What the dashboard's script would send to W&B names what runs really log."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lit_adv.cli import run_command
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.tracking.dashboard import NAME, SHOWN_SETTINGS, as_sent, report, specification, wandb_dashboard, workspace
from lit_adv.tracking.records import FIGURES, PICTURES, PREDICT_FIGURES, TABLE, settings

FIT = {"train_loss", "train_accuracy", "accuracy"}
"""What tests/callbacks/test_weights_and_biases.py finds in the runs of `fit`."""
MANIFEST = Manifest(setting="NMM", attack=AttackRecord("BIM", {"epsilon": 0.2}), data=DataRecord("mnist"))


def find(value: Any, *keys: str) -> Iterator[Any]:
    """Every value of one of these keys, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in keys:
                yield inner
            yield from find(inner, *keys)
    elif isinstance(value, list):
        for inner in value:
            yield from find(inner, *keys)


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What --dry-run writes."""
    file = tmp_path_factory.mktemp("dashboard") / "sent.json"
    words = ["wandb_dashboard.py", "--entity", "me", "--project", "tests", "--dry-run", str(file)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", words)
        run_command(wandb_dashboard)
    content: dict[str, Any] = json.loads(file.read_text())
    return content


@pytest.mark.parametrize("part", ["workspace", "report"])
def test_panels_name_what_runs_log(sent: dict[str, Any], part: str) -> None:
    spec = sent[part]["spec"]
    assert (sent[part]["entity"], sent[part]["project"]) == ("me", "tests")
    logged = {*FIGURES, *(f"cross/{key}" for key in FIGURES), *PREDICT_FIGURES, *FIT}
    plotted = {key for metrics in find(spec, "metrics") for key in metrics}
    assert plotted <= logged
    assert {*FIGURES, *FIT, "seconds"} <= plotted
    assert list(find(spec, "mediaKeys")) == [list(PICTURES)]
    known = settings(MANIFEST, Path("zoo"))
    assert set(find(spec, "groupBy")) == {"setting.value", "attack.value"}
    accessors = set(find(spec, "accessor"))
    assert {"config:sigma.value", "summary:attack", "summary:recognized"} <= accessors
    for accessor in accessors:
        section, key = accessor.split(":")
        assert key.removesuffix(".value") in (known if section == "config" else logged)
    assert TABLE in find(spec, "val")


def test_run_sets(sent: dict[str, Any]) -> None:
    (all_runs,) = find(sent["workspace"]["spec"], "runSets")
    assert [key["name"] for key in all_runs[0]["grouping"]] == ["group", "jobType"]
    shown = set(all_runs[0]["runFeed"]["columnPinned"])
    assert {f"config:{key}.value" for key in SHOWN_SETTINGS} | {f"summary:{key}" for key in FIGURES} <= shown
    assert set(SHOWN_SETTINGS) <= set(settings(MANIFEST, Path("zoo")))
    grids = list(find(sent["report"]["spec"], "runSets"))
    jobs = [[runs["filters"]["filters"][0]["value"] for runs in grid] for grid in grids]
    assert jobs == [["test"], ["test", "predict"], ["predict"], ["fit"]]
    assert all(runs["grouping"] == [{"section": "run", "name": "group"}] for grid in grids for runs in grid)


def test_without_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("wandb.login", lambda prompt: False)
    monkeypatch.setattr("sys.argv", ["wandb_dashboard.py", "--project", "tests"])
    with pytest.raises(SystemExit, match="2"):
        run_command(wandb_dashboard)
    assert capsys.readouterr().err.strip() == (
        "lit-adv: there is no login to W&B; run wandb login, or look at --dry-run FILE.json"
    )


def test_the_pages_are_of_the_project_that_is_named() -> None:
    found = specification("team", "other")
    assert {(part["entity"], part["project"]) for part in found.values()} == {("team", "other")}


def test_a_page_as_it_is_sent() -> None:
    """Fails where wandb_workspaces no longer has `_to_model`; `--dry-run` breaks then, sending does not."""
    for page in (workspace("me", "tests"), report("me", "tests", runs_of=("", ""))):
        sent = as_sent(page)
        assert sent["name"] == NAME
        assert list(find(sent["spec"], "mediaKeys")) == [list(PICTURES)]
