"""Notebooks of the documentation: made from their scripts, and they run."""

import os
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from scripts.make_notebook import executed
from tests.helpers import REPOSITORY

SCRIPTS = sorted((REPOSITORY / "docs").rglob("tutorial/*.py"))
SMALL = {
    "MODELS, EPOCHS, COPIES = 10, 4, 10": "MODELS, EPOCHS, COPIES = 3, 1, 1",
    "per_class=10)": "per_class=1)",
    "steps=10)": "steps=1)",
}


def sources(notebook: Any) -> list[tuple[str, str]]:
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_notebook_is_made_from_its_script(script: Path) -> None:
    """`python scripts/make_notebook.py --script SCRIPT` makes it."""
    assert sources(nbformat.read(str(script.with_suffix(".ipynb")), 4)) == sources(jupytext.read(str(script)))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
@pytest.mark.filterwarnings("ignore:.*zmq.*", "ignore:Proactor event loop")
def test_the_notebook_runs_with_small_settings(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    notebook = jupytext.read(str(script))
    for cell in notebook.cells:
        for whole, small in SMALL.items():
            cell.source = cell.source.replace(whole, small)
    done = executed(notebook, tmp_path)
    shown = [output for cell in done.cells for output in cell.get("outputs", []) if "data" in output]
    assert sum("image/png" in output.data for output in shown) == 2
    assert sum("text/html" in output.data for output in shown) == 2
    assert (tmp_path / "runs/own/manifest.json").is_file()


def test_there_is_a_notebook() -> None:
    assert SCRIPTS
