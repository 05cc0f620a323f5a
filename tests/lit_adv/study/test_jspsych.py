"""jsPsych's files are those of the exact versions, or refused."""

import shutil
from pathlib import Path

import pytest

from lit_adv.errors import InputError
from lit_adv.study.jspsych import INSTALL, LIBRARIES, integrity, read_libraries
from tests.helpers import REPOSITORY


def test_integrity() -> None:
    """SHA-384 of "abc", FIPS 180-4's example, in base 64."""
    assert integrity(b"abc") == "sha384-ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn"


def test_the_constants_are_those_of_npm(node_modules: Path) -> None:
    for one in LIBRARIES:
        assert integrity((node_modules / one.package / one.file).read_bytes()) == one.integrity, one
    assert sorted(read_libraries(node_modules)) == sorted({one.local for one in LIBRARIES})


def test_missing_and_other_versions_are_refused(node_modules: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*; run npm install jspsych@8"):
        read_libraries(tmp_path)
    copy = shutil.copytree(node_modules, tmp_path / "node_modules")
    with (copy / "@jspsych/plugin-preload/dist/index.browser.min.js").open("a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=r"not that of @jspsych/plugin-preload 2.*; run npm install"):
        read_libraries(copy)


def test_the_documentation_installs_these_versions() -> None:
    assert f"\n{INSTALL}\n" in (REPOSITORY / "docs/how-to/human-study.md").read_text()
