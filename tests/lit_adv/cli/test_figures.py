"""`lit-adv reproduce` makes figures as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lit_adv.cli import figures, main
from lit_adv.cli.figures import run_to_its_end
from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are made in this process, which is faster."""
    monkeypatch.setattr(figures, "predict", lambda words: main(["predict", *words]))


def said(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error."""
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", *words])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_set_is_made_and_used_again(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["figure-4.6", "--zoo", str(zoo.path), "--out", str(tmp_path), "--fast", "--steps", "bim=1"]
    main(["reproduce", *words, "--", "--data.per_class", "1", "--data.copies", "1"])
    manifest = json.loads((tmp_path / "sets/nmm-bim/manifest.json").read_text())
    assert manifest["attack"]["steps"] == 1
    assert (tmp_path / "figures/figure-4.6/gallery.png").is_file()
    capsys.readouterr()
    before = (tmp_path / "sets/nmm-bim/perturbations.safetensors").stat().st_mtime_ns
    main(["reproduce", *words])
    assert "predict" not in capsys.readouterr().err
    assert (tmp_path / "sets/nmm-bim/perturbations.safetensors").stat().st_mtime_ns == before
    assert "Figure 4.6" in (tmp_path / "index.html").read_text()


@pytest.mark.usefixtures("in_this_process")
def test_growth_by_the_command(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--zoo", str(zoo.path), "--out", str(tmp_path), "--steps", "bim=1", "cw=1", "deepfool=1", "--"]
    few = ["--data.per_class", "1", "--data.copies", "2"]
    main(["reproduce", "growth", *words, *few])
    rows = json.loads((tmp_path / "figures/growth/figure.json").read_text())["numbers"]["growth"]
    assert [(row["attack"], row["m"], row["n"]) for row in rows][:2] == [("BIM", 1, 1), ("BIM", 1, 2)]
    assert len(rows) == 3 * 3 * 2
    main(["predict", "--config", "mnist-nmm-cw", "--zoo", str(zoo.path), "--out", str(tmp_path / "sets/nmm-cw"), *few,
          "--model.attack.steps", "1", "--restart"])  # fmt: skip
    capsys.readouterr()
    assert "sets/nmm-cw was made without --growth; delete it" in said(["growth", *words], capsys)


@pytest.mark.usefixtures("in_this_process")
def test_own_code_runs_where_it_is_trusted(package: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        {"name": f"m{seed}", "architecture": f"{package}:linear", "arguments": {"seed": seed}} for seed in range(3)
    ]
    (tmp_path / "zoo.yaml").write_text(yaml.safe_dump({"data": "mnist", "sources": entries[:2], "test": entries[2:]}))
    words = ["figure-4.6", "--zoo", str(tmp_path / "zoo.yaml"), "--out", str(tmp_path / "out"), "--fast"]
    assert f"add --trust {package}" in said(words, capsys)
    main(["reproduce", *words, "--trust", package, "--", "--data.per_class", "1", "--data.copies", "1"])
    assert (tmp_path / "out/figures/figure-4.6/gallery.png").is_file()


def test_the_list(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["reproduce", "--list", "--data", "imagenet", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert "figure-5.7" in out
    assert "--masks" in out
    assert "178 source" in " ".join(out.split())
    main(["reproduce", "--list", "--zoo", str(zoo.path), "--out", str(tmp_path)])
    assert "3 source models" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["figure-4.33"], "did you mean figure-4.3"),
        ([], "--list"),
        (["figure-4.8", "--data", "cifar10"], "no meaning on cifar10"),
        (["figure-4.8", "--data", "imagenet"], "give --masks FOLDER"),
        (["figure-4.6"], "no packaged zoo for mnist"),
        (["figure-4.6", "--zoo", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in said([*words, "--out", str(tmp_path / "out")], capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("code", "error", "text"), [(2, InputError, "ended with exit code 2"), (143, SystemExit, "143")]
)
def test_a_predict_that_fails_says_so(
    code: int, error: type[BaseException], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "run_to_its_end", lambda command: code)
    with pytest.raises(error, match=text):
        figures.predict(["--config", "mnist-nmm-bim"])


def test_a_terminated_run_lets_its_child_save_and_end() -> None:
    child = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(143)); print('on', flush=True); "
        "[time.sleep(0.1) for _ in range(600)]"  # a signal just before one long sleep would not end it
    )
    run = "import sys; from lit_adv.cli.figures import run_to_its_end; "
    parent = f"{run} sys.exit(run_to_its_end([sys.executable, '-c', {child!r}]))"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        process.terminate()
        assert process.wait(20) == 143


def test_the_exit_code_is_given_back() -> None:
    assert run_to_its_end([sys.executable, "-c", "raise SystemExit(3)"]) == 3
