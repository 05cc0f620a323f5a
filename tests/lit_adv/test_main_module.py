"""`python -m lit_adv` where the working directory has files of the packages' names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shadowed(tmp_path: Path) -> Path:
    for name in ("callbacks", "datamodules", "trainers"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('shadowed')\n")
    return tmp_path


def run(folder: Path, *first: str) -> subprocess.CompletedProcess[str]:
    """A command that imports all of the packages."""
    return subprocess.run(
        [sys.executable, "-m", "lit_adv", "predict", "--config", "nosuch", "--zoo", "zoo", "--out", "out"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*first, str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_working_directory_is_searched_last(shadowed: Path) -> None:
    found = run(shadowed)
    assert found.returncode == 2
    assert found.stderr.startswith("lit-adv: configuration 'nosuch'")


def test_a_file_that_python_finds_first_is_named(shadowed: Path) -> None:
    found = run(shadowed, str(shadowed))
    assert found.returncode == 2
    assert found.stderr.startswith(f"lit-adv: Python finds {shadowed / 'callbacks.py'} in place of its package")
    assert len(found.stderr.splitlines()) == 1
