"""`~` in the paths of options stands for the home folder."""

from pathlib import Path

import pytest

from lit_adv.cli import main
from lit_adv.zoo.zoo import Zoo


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_commands_write_there(home: Path, tmp_path: Path) -> None:
    main(["zoo", "--data", "cifar10", "--max-gmac", "0.1", "--test", "resnet20_cifar10", "--write", "~/zoo.yaml"])
    assert Zoo.open(Path("~/zoo.yaml")) == Zoo.open(home / "zoo.yaml")
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["report", "~/set", "--out", "~/page"],
        ["study", "build", "~/set", "--out", "~/study"],
        ["study", "score", "~/answers.json", "--key", "~/key.json"],
    ],
)
def test_commands_read_there(home: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert str(home) in capsys.readouterr().err


def test_reproduce_looks_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["reproduce", "--list", "--zoo", "~/zoo", "--out", "~/figures"])
    found = capsys.readouterr().out
    assert f"zoo {home / 'zoo'}" in " ".join(found.split())
    assert "~" not in found


def test_a_user_who_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", "~nobody-of-this-name/set", "--out", "page"])
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
