"""Makes a notebook from its script and runs it: python scripts/make_notebook.py --script docs/tutorial/NAME.py"""

import tempfile
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient

from lit_adv.cli import run_command
from lit_adv.files import atomic_path


def make_notebook(script: Path) -> None:
    """Writes `NAME.ipynb` beside `NAME.py`, with what its cells show.

    Args:
        script: the notebook as a script with cells, which jupytext reads.
    """
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(jupytext.read(str(script)), Path(folder))
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]  # progress
    with atomic_path(script.with_suffix(".ipynb")) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def executed(notebook: Any, folder: Path) -> Any:
    """Returns a notebook after all its cells have run in a folder."""
    place = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=None, kernel_name="python3", resources=place).execute()


if __name__ == "__main__":
    run_command(make_notebook)
