"""Launch environments in which processes cannot find each other are refused in a line, and leave no process."""

import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import psutil
import pytest
from lightning_fabric.utilities import rank_zero_only

from lit_adv.cli import main
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, predict, same

TWO = ["--trainer.devices", "2"]
SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "a", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
BAD: list[tuple[dict[str, str], list[str], str]] = [
    ({"MASTER_ADDR": "no.such.host.invalid"}, TWO, "address 'no.such.host.invalid' cannot be found"),
    ({"MASTER_PORT": "word"}, TWO, "MASTER_PORT is 'word'; it must be a number from 1 to 65535"),
    ({"MASTER_PORT": "65536"}, TWO, "MASTER_PORT is '65536'; it must be a number from 1 to 65535"),
    ({"MASTER_PORT": "-1"}, TWO, "MASTER_PORT is '-1'; it must be a number from 1 to 65535"),
    ({"LOCAL_RANK": "0"}, TWO, "LOCAL_RANK is set, as by a launcher, but MASTER_PORT is not"),
    (SLURM | {"SLURM_NTASKS": "4"}, [], "Use `--ntasks-per-node=4` instead"),
    (SLURM | {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4"}, TWO, "does not match. HINT: Set `devices=4`"),
    (SLURM | {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2"}, TWO, "Set `num_nodes=2`"),
    ({}, ["--trainer.strategy", "ddp_spawn", *TWO], "strategy is spawn; use ddp"),
    ({}, ["--trainer.strategy", "ddp_fork", *TWO], "strategy is fork; use ddp"),
    ({}, ["--trainer.strategy", "ddp_notebook", *TWO], "strategy is fork; use ddp"),
    ({}, ["--trainer.strategy", "fsdp"], "requires a GPU"),
    ({}, ["--trainer.strategy", "deepspeed"], "DeepSpeed"),
    ({}, ["--trainer.strategy", "nonsense"], "nonsense"),
    ({}, ["--trainer.devices", "0"], "devices"),
    ({}, ["--trainer.devices=-1"], "devices"),
    ({}, ["--trainer.num_nodes", "0"], "num_nodes"),
    ({"CUDA_VISIBLE_DEVICES": "0"}, ["--trainer.accelerator", "hpu"], "invalid accelerator name"),
    ({}, ["--data.copies", "3000000000", "--plan"], "batches are more than the 1000000 that can be planned"),
    ({}, ["--data.copies", "3000000000"], "batches are more than the 1000000 that can be planned"),
]


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither variables of a launcher, nor what Lightning makes of them."""
    for name in [name for name in os.environ if name.startswith(("MASTER_", "LOCAL_RANK", "RANK", "SLURM_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(rank_zero_only, "rank", 0)


@pytest.mark.parametrize(("variables", "words", "message"), BAD)
def test_refused(
    zoo: Zoo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    words: list[str],
    message: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    warnings.simplefilter("ignore")
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-nmm-bim", zoo, tmp_path / "out", *BIM, *words)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lit-adv: ")
    assert message in line
    assert not (tmp_path / "out").exists()


LEFT_OVER = [
    {"LOCAL_RANK": "3", "RANK": "3", "WORLD_SIZE": "4", "NODE_RANK": "1"},
    {"SLURM_PROCID": "2", "SLURM_JOB_NAME": "bash", "SLURM_NTASKS": "1"},
    {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "2"},
    {"CUDA_VISIBLE_DEVICES": "0,1"},
]


@pytest.mark.parametrize("variables", LEFT_OVER, ids=lambda variables: next(iter(variables)))
def test_variables_left_over_change_nothing(
    zoo: Zoo,
    nmm: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rank_zero_only, "rank", 3)  # as Lightning takes it from these when it is imported
    predict("mnist-nmm-bim", zoo, tmp_path, *BIM)
    assert same(tmp_path, nmm)
    monkeypatch.setattr(rank_zero_only, "rank", 3)
    main(["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *BIM])
    assert "holds this perturbation set already" in capsys.readouterr().out


@pytest.mark.soak
def test_a_port_in_use_leaves_no_process(zoo: Zoo, tmp_path: Path) -> None:
    words = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path / "out"), *BIM, *TWO]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "lit_adv", *words],
            cwd=REPOSITORY,
            env={**os.environ, "MASTER_PORT": port},
            stderr=subprocess.PIPE,  # a process left behind would hold the pipe open, and this would not return
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"lit-adv: MASTER_PORT {port} is in use; choose another, or leave it out"
    assert not (tmp_path / "out").exists()


@pytest.mark.soak
def test_the_first_process_killed_before_the_others_know_it_leaves_none(zoo: Zoo, tmp_path: Path) -> None:
    words = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(tmp_path), *BIM, *TWO]
    command = [sys.executable, "-m", "lit_adv", *words]
    first = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    while not psutil.Process(first.pid).children():
        assert first.poll() is None
    first.kill()
    first.communicate(timeout=120)  # returns once nobody holds the pipe
