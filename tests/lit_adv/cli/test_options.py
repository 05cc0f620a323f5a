"""Options with hyphens, and scripts by their functions."""

import sys

import pytest

from lit_adv.cli.options import add_trust, option_parser, run_command, underscored


def test_hyphens_stand_for_underscores() -> None:
    words = ["--wandb-group", "a-b", "--max-gmac=1-2", "-x", "c-d", "--"]
    assert underscored(words) == ["--wandb_group", "a-b", "--max_gmac=1-2", "-x", "c-d", "--"]


def test_a_script_is_its_function(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []

    def script(out: str, max_count: int = 3) -> None:
        asked.append((out, max_count))

    monkeypatch.setattr(sys, "argv", ["script", "--out", "here", "--max-count", "5"])
    run_command(script)
    assert asked == [("here", 5)]
    monkeypatch.setattr(sys, "argv", ["script", "--max-count", "5"])
    with pytest.raises(SystemExit, match="2"):
        run_command(script)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_parser_raises_in_place_of_exiting() -> None:
    parser = option_parser("lit-adv nothing", "Does nothing.")
    with pytest.raises(Exception, match="there is no option --some; there are --help"):
        parser.parse_args(["--some"])


def test_trust_adds_up() -> None:
    parser = option_parser("lit-adv nothing", "Does nothing.")
    add_trust(parser)
    assert parser.parse_args(["--trust", "a", "b", "--trust", "c"]).trust == ["a", "b", "c"]
    assert parser.parse_args([]).trust == []
