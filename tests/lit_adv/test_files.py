"""Writes become visible whole or not at all."""

from pathlib import Path

import pytest

from lit_adv.errors import InputError
from lit_adv.files import atomic_path, check_writable, read_json, write_json


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_path(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_json_round_trip_and_replacement(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"σ": 0.2})
    write_json(tmp_path / "deep" / "a.json", {"σ": 0.3})
    assert read_json(tmp_path / "deep" / "a.json") == {"σ": 0.3}
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["a.json"]


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        check_writable(tmp_path / "file")
    check_writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
