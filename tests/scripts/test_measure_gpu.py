"""`make gpu` on the CPU: what it asks for, what it says without a GPU, and its table."""

import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_adv.cli import run_command
from lit_adv.errors import InputError
from tests.helpers import REPOSITORY, TINY_ZOO, Run


@pytest.fixture(autouse=True)
def scripts() -> Iterator[None]:
    """Modules beside the script are found, as when it runs.

    They stay imported: classes of theirs are found by their bases, and then by their modules.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY / "scripts"))
        yield


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], r"torch .* finds no GPU here; run it on a machine with one, or try it with --device cpu"),
        (["--device", "tpu"], "device is tpu; it must be cuda or cpu"),
        (["--device", "cpu", "--count", "1"], "count is 1; it must be 2 or more"),
        (["--device", "cpu", "--count", "9"], "the benchmark needs 10 models, or leave it out of --parts"),
        (["--device", "cpu", "--rounds", "0"], "rounds is 0; it must be 1 or more"),
        (["--device", "cpu", "--parts", "[dance]"], "parts"),
    ],
)
def test_bad_input_ends_in_a_line(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from measure_gpu import measure_gpu

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["measure_gpu.py", *words, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="2"):
        run_command(measure_gpu)
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert re.search(message, error)
    assert not (tmp_path / "out").exists()


def test_one_table_of_everything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import measure_gpu

    shutil.copytree(TINY_ZOO, tmp_path / "zoo")
    asked: list[list[str]] = []

    def run(words: Sequence[str], more: dict[str, str] | None = None) -> tuple[float, str]:
        asked.append(list(words))
        if words[0] == "scripts/benchmark_attacks.py":
            result = {
                "task": "BIM 50, 1 model",
                "perturbations": 2000,
                "ms_per_perturbation": {"ours": 1.5, "torchattacks": 3.0},
                "ratio_to_best_peer": 2.0,
                "best_peer": "torchattacks",
            }
            Path(words[words.index("--json_file") + 1]).write_text(json.dumps({"results": [result]}), encoding="utf-8")
        return 4.0, "....\n=== slowest ===\n104 passed, 4 skipped in 12.34s\n" if "pytest" in words else ""

    def command(*arguments: Any) -> tuple[float, float]:
        return 9.0, {"--model.exact": 6.0, "--model.precision": 1.0}.get("".join(arguments[5][:1]), 2.0)

    monkeypatch.setattr(measure_gpu, "run", run)
    monkeypatch.setattr(measure_gpu, "command", command)
    monkeypatch.setattr(measure_gpu, "has_bf16", lambda device: True)
    measure_gpu.measure_gpu("cpu", tmp_path, count=12)
    assert [words[:2] for words in asked] == [
        ["-m", "pytest"],
        ["scripts/train_mnist_zoo.py", "--count"],
        ["scripts/benchmark_attacks.py", "--zoo"],
    ]
    lines = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in lines[0]
    assert lines[4:] == [
        "| tests: 104 passed, 4 skipped | 4 |  |  |",
        "| training of 8 networks on 4,000 digits, eight epochs | 4 |  |  |",
        "| Eq. 4.1: BIM 50, 11 models × 100 images × 20 copies, float32 | 2 | 3.00 × | `exact` |",
        "| Eq. 4.1: BIM 50, 11 models × 100 images × 20 copies, bfloat16 | 1 | 2.00 × | float32 |",
        "| BIM 50, 1 model, 2000 perturbations | 3 | 2.00 × | torchattacks |",
    ]


def test_a_part_that_fails_is_shown_and_named(capfd: pytest.CaptureFixture[str]) -> None:
    from measure_gpu import run

    with pytest.raises(InputError, match="failed: ValueError: no such thing"):
        run(["-c", "raise ValueError('no such thing')"])
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.soak
def test_the_job_itself(run: Run, tmp_path: Path) -> None:
    shutil.copytree(TINY_ZOO, tmp_path / "zoo")
    words = ["--device", "cpu", "--count", "4", "--copies", "1", "--steps", "1", "--per_class", "1"]
    done = run("scripts/measure_gpu.py", *words, "--parts", '["tests", "job"]', "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\| tests: \d+ passed", done.stdout, flags=re.MULTILINE)
    assert "| Eq. 4.1: BIM 1, 3 models × 10 images × 1 copies, float32 |" in done.stdout
