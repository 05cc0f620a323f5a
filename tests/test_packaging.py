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


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which the wheel is installed."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--target", str(folder), str(wheel))
    return folder


def run_installed(installed: Path, place: Path, *words: str | Path) -> str:
    """What a Python program prints that finds the installed packages, in a folder outside the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(place / "cache")}
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_command_runs_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "lit-adv"
    assert run_installed(installed, tmp_path, command, "--version") == f"lit-adv {__version__}\n"
    listed = json.loads(run_installed(installed, tmp_path, command, "zoo", "--data", "cifar10", "--json"))
    assert len(listed) > 80
    assert {model["name"] for model in listed} < packaged().keys()
    assert not (tmp_path / "cache").exists()  # the packaged table was read
    where = "import lit_adv, callbacks; print(lit_adv.__file__, callbacks.__file__)"
    assert run_installed(installed, tmp_path, "-c", where).count(str(installed)) == 2


@pytest.mark.soak
def test_an_installed_wheel_trains(installed: Path, tmp_path: Path) -> None:
    options = ["--count", "2", "--trainer.max_epochs", "1", "--model.arguments", "{width: 1}", "--processes", "1"]
    command = installed / "bin" / "lit-adv"
    printed = run_installed(installed, tmp_path, command, "fit", "--config", "mnist-zoo", "--out", "zoo", *options)
    assert "2 models" in printed
    assert len(list((tmp_path / "zoo").glob("*.safetensors"))) == 2
