"""What commands print suits every terminal, and nobody need read it."""

import io
import os
import subprocess
import sys

import pytest

from lit_adv.cli.streams import unfailing_streams
from lit_adv.terminal import plain
from tests.helpers import REPOSITORY

SIGNS = "3 models × 10 images, σ = 0.2, −δ ≤ 4·10⁻²⁵, „Zürich“ → m·n … 日"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1", "utf-8", "utf-16"])
def test_any_sign_can_be_printed(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    with unfailing_streams():
        print(SIGNS)
    text = written.getvalue().decode(encoding)
    assert "3 models" in text
    if encoding.startswith("utf"):
        assert text.strip() == SIGNS
    if encoding == "ascii":
        assert text.strip().startswith("3 models x 10 images, sigma = 0.2, -delta <= 4.10")


def test_plain_signs() -> None:
    assert "".join(map(plain, "σεδ×−ü─│┏")) == "sigmaepsilondeltax-u-|+"
    assert plain("日") == "?"


@pytest.mark.parametrize(
    "words", [["reproduce", "--list"], ["zoo", "--data", "cifar10"], ["zoo", "--json"], ["--help"]]
)
def test_in_ascii_and_into_a_pipe_that_closes(words: list[str]) -> None:
    """The reader takes one line and goes, as `head -1` does."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "lit_adv", *words]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
