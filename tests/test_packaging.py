"""The wheel holds every file of the packages, and its command runs outside the checkout."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lit_adv import __version__
from lit_adv.zoo.counts import packaged
from tests.conftest import REPOSITORY

PACKAGES = ("lit_adv", "datamodules", "callbacks", "trainers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves folders of its own beside what it builds."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


def pip(command: str, *words: str) -> None:
    """Runs pip without an index."""
    line = [sys.executable, "-m", "pip", command, "--quiet", "--no-deps", "--no-index", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    files = {
        path.relative_to(REPOSITORY).as_posix()
        for name in PACKAGES
        for path in (REPOSITORY / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == files
    assert {Path(name).suffix for name in files} >= {".py", ".yaml", ".csv", ".html", ".js", ".typed"}


def test_the_installed_command_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "installed"
    pip("install", "--target", str(folder), str(wheel))
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def lit_adv(*words: str) -> str:
        command = [sys.executable, folder / "bin" / "lit-adv", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert lit_adv("--version") == f"lit-adv {__version__}\n"
    listed = json.loads(lit_adv("zoo", "--data", "cifar10", "--json"))
    assert len(listed) > 80
    assert {model["name"] for model in listed} < packaged().keys()
    assert not (tmp_path / "cache").exists()  # the packaged table was read
    where = [sys.executable, "-c", "import lit_adv, callbacks; print(lit_adv.__file__, callbacks.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.count(str(folder)) == 2
