"""Settings of torch that change numbers stand in the manifest, and tell runs apart."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lit_adv import __version__
from lit_adv.arithmetic import arithmetic
from lit_adv.attacks.calibration import calibration
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, predict, same

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cuda.matmul.allow_tf32 = before[1]
    torch.use_deterministic_algorithms(False)


def test_what_applies_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NVIDIA_TF32_OVERRIDE", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE"):
        monkeypatch.delenv(name, raising=False)
    plain, gpu = arithmetic(CPU), arithmetic(CUDA)
    assert plain == {"deterministic_algorithms": "no", "convolution": "ieee", "matmul": "ieee"}
    assert (gpu["matmul"], gpu["convolution"]) == ("ieee", "tf32")  # torch's own choice for cuDNN
    torch.set_float32_matmul_precision("medium")
    assert arithmetic(CPU)["matmul"] == "bf16"
    assert arithmetic(CUDA)["matmul"] == "tf32"
    torch.set_float32_matmul_precision("highest")
    torch.use_deterministic_algorithms(True)
    assert arithmetic(CPU)["deterministic_algorithms"] == "yes"
    torch.use_deterministic_algorithms(False)
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert arithmetic(CPU) == plain | {"ONEDNN_DEFAULT_FPMATH_MODE": "bf16"}
    assert arithmetic(CUDA) == gpu | {"NVIDIA_TF32_OVERRIDE": "0"}
    assert arithmetic(torch.device("mps")) == {"deterministic_algorithms": "no"}


def test_the_manifest_says_it(nmm: Path) -> None:
    manifest = PerturbationSet.load(nmm).manifest
    assert manifest.arithmetic["matmul"] == "ieee"
    assert manifest.threads == torch.get_num_threads()
    assert manifest.versions["lit-adv"] == __version__


def refused(capsys: pytest.CaptureFixture[str], zoo: Zoo, out: Path) -> str:
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, out, *BIM)
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_finished_set_of_another_arithmetic_is_another(
    zoo: Zoo, nmm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_float32_matmul_precision("high")
    assert "different finished run (arithmetic.matmul: ieee there, " in refused(capsys, zoo, nmm)


def older(path: Path, version: str | None) -> None:
    """Makes a manifest one of an older lit-adv, which knew neither arithmetic nor threads."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for name in ("arithmetic", "threads", "versions"):
        content.pop(name, None)
    path.write_text(
        json.dumps(content if version is None else content | {"versions": {"lit-adv": version}}), encoding="utf-8"
    )


def test_an_older_lit_adv_s_finished_set_is_read_but_is_not_done_already(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    older(tmp_path / "manifest.json", "0.1.0")
    assert f"versions.lit-adv: 0.1.0 there, {__version__} here" in refused(capsys, zoo, tmp_path)
    main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tmp_path)])
    assert Evaluation.load(tmp_path / EVALUATION).arithmetic == arithmetic(CPU)
    assert PerturbationSet.load(tmp_path).manifest.threads == 0
    older(tmp_path / "manifest.json", None)
    assert f"versions.lit-adv: None there, {__version__} here" in refused(capsys, zoo, tmp_path)


def test_an_older_lit_adv_s_run_is_not_continued(
    zoo: Zoo, nmm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("callbacks.perturbation_average.finish", lambda *_: (_ for _ in ()).throw(InputError("stop")))
    assert refused(capsys, zoo, tmp_path) == "lit-adv: stop"
    monkeypatch.undo()
    run = tmp_path / "partial" / "run.json"
    new = run.read_text()
    older(run, None)
    assert "different unfinished run (arithmetic.deterministic_algorithms: None there" in refused(capsys, zoo, tmp_path)
    run.write_text(new)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)  # other threads may go on
    try:
        predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    finally:
        torch.set_num_threads(threads)
    assert same(tmp_path, nmm)


def test_no_call_computes_under_autocast(nmm: Path) -> None:
    images = torch.rand(1, 1, 28, 28)
    judge = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval()
    with torch.autocast("cpu", torch.bfloat16):
        with pytest.raises(InputError, match="autocast is on"):
            calibration(judge, images, images)
        with pytest.raises(InputError, match="autocast is on"):
            evaluate(PerturbationSet.load(nmm), {"judge": judge}, epsilon=0.2)
