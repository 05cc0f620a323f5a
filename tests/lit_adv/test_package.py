"""`import lit_adv` gives the names of the Python API, and loads nothing before one is used."""

import subprocess
import sys

import pytest

import lit_adv
from tests.helpers import REPOSITORY


def test_importing_the_package_loads_neither_torch_nor_rooms() -> None:
    code = "import sys, lit_adv; print(lit_adv.__version__, [m for m in sys.modules if m[:5] in ('torch', 'lit_a')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split(" ", 1)[1].strip() == "['lit_adv']"


@pytest.mark.parametrize("name", lit_adv.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(lit_adv, name).__doc__
    assert name in dir(lit_adv)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'lit_adv' has no attribute 'attack_everything'"):
        lit_adv.attack_everything  # noqa: B018
