"""Bad input to the command line: one line, exit code 2, nothing partial."""

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from lit_adv.cli import main
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, TINY, predict, same

BAD: list[tuple[list[str], str]] = [
    (["--config", "mnist-nnm-bim"], "configuration 'mnist-nnm-bim' is neither a packaged name nor a file"),
    (["--data.copies", "0"], "copies is 0"),
    (["--data.sigma=-0.1"], "sigma is -0.1"),
    (["--data.batch_size", "0"], "batch_size is 0"),
    (["--data.per_class", "101"], "has 100 images, per_class asks for 101"),
    (["--model.attack.epsilon", "0"], "epsilon is 0.0; it must be above 0"),
    (["--model.sources", "9"], "has 3 source models, 9 are needed"),
    (["--model.sources", "0"], "sources is 0"),
    (["--data.source", "folder"], "needs a folder"),
    (["--data.source", "folder", "--data.root", "/nowhere"], "no file train-images-idx3-ubyte"),
    (["--data.source", "hub"], "hub"),
    (["--model.attack.epsilom", "1"], "epsilom"),
    (["--rest"], "--rest"),  # not taken for --restart, which deletes
    (["--zoo", "/nowhere"], "zoo /nowhere: neither a folder nor a file"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_input(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    out = tmp_path / "out"
    base = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(out), *TINY]
    with pytest.raises(SystemExit, match="2"):
        main([*base, *words])
    error = capsys.readouterr().err.strip()
    assert message in error
    assert error.startswith("lit-adv: ")
    assert len(error.splitlines()) == 1
    assert not out.exists()


def test_a_zoo_for_other_images(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "test.npz", x=np.zeros((10, 32, 32, 3), np.uint8), y=np.arange(10))
    words = ["--data.source", "npz", "--data.root", str(tmp_path / "test.npz")]
    with pytest.raises(SystemExit, match="2"):
        predict("cifar10-mm-bim", zoo, tmp_path / "out", *TINY, *words)
    assert "model-001 takes images [1, 28, 28], the data are [3, 32, 32]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", "mnist-nmm-bim"])
    assert "zoo" in capsys.readouterr().err


def test_a_folder_with_another_finished_run(zoo: Zoo, nmm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, nmm, *BIM, "--model.attack.epsilon", "0.1")
    assert "a different finished run (attack.epsilon: 0.2 there, 0.1 here)" in capsys.readouterr().err


def test_folders_that_cannot_be_written(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", Path("/proc/lit-adv")):
        with pytest.raises(SystemExit, match="2"):
            predict("mnist-nmm-bim", zoo, out, *BIM)
        assert f"cannot write {out}" in capsys.readouterr().err


def test_damaged_weights_end_the_run_with_what_was_done_kept(
    zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(zoo.path, tmp_path / "zoo")
    weights = tmp_path / "zoo" / "model-003.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    copy, out = Zoo.open(tmp_path / "zoo"), tmp_path / "out"
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", copy, out, *BIM)
    assert "model-003.safetensors has checksum" in capsys.readouterr().err
    assert not (out / "manifest.json").exists()
    weights.write_bytes(whole)
    predict("mnist-nmm-bim", copy, out, *BIM)
    assert same(out, nmm)


def test_reports_of_what_is_not_there(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["report", str(tmp_path), "--out", str(tmp_path / "report")],
        ["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tmp_path)],
    ):
        with pytest.raises(SystemExit, match="2"):
            main(words)
        assert "no finished perturbation set in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_training_script_refuses_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = str(REPOSITORY / "scripts" / "train_mnist_zoo.py")
    words = [script, "--out", tmp_path / "zoo", "--source", "folder", "--root", tmp_path]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(script, run_name="__main__")
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("lit-adv: no file train-images-idx3-ubyte")
    assert not list((tmp_path / "zoo").glob("*.json"))
