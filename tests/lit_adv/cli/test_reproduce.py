"""Words of `lit-adv reproduce` become arguments of `make_figures`."""

from pathlib import Path
from typing import Any

import pytest

from lit_adv.cli import figures, main


def test_words_and_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(figures, "make_figures", lambda names, **rest: asked.append((names, rest)))
    words = ["--steps", "cw=100", "square=5", "--fast", "--devices", "2", "--out", "here"]
    main(["reproduce", "figure-1", "figure-2", *words, "--", "--data.root", "photographs"])
    ((names, rest),) = asked
    assert names == ["figure-1", "figure-2"]
    assert rest["steps"] == {"cw": 100, "square": 5}
    assert (rest["fast"], rest["devices"], rest["out"], rest["data"]) == (True, 2, Path("here"), "mnist")
    assert rest["words_for_predict"] == ["--data.root", "photographs"]


@pytest.mark.parametrize("word", ["cw", "cw=x", "cw=-1", "gradient=3", "=3"])
def test_steps_that_are_none(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["reproduce", "--steps", word, "--list"])
    assert f"{word} is not ATTACK=N" in capsys.readouterr().err
