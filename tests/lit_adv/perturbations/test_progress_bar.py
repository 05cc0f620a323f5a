"""Lines where there can be no bar, and none where nobody asked."""

import re

import pytest

from lit_adv.perturbations import progress_bar
from lit_adv.perturbations.progress_bar import ProgressBar


@pytest.mark.parametrize(
    ("total", "line"), [(40, r"20 of 40 perturbations, \S+/s, \d+ s left\n"), (None, r"20 perturbations, \S+/s\n")]
)
def test_a_line_now_and_then(
    total: int | None, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_bar, "LINE_EVERY", 0.0)
    with ProgressBar(total, shown=True) as bar:
        bar.update(20)
    assert re.fullmatch(line, capsys.readouterr().err)


def test_nothing_where_nobody_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_bar, "LINE_EVERY", 0.0)
    with ProgressBar(40, shown=False, before=10) as bar:
        bar.update(20)
    assert capsys.readouterr().err == ""
