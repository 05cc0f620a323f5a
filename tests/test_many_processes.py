"""Runs of several processes and hosts: kills, a full disk, failing models."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from lit_adv.files import sha256
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, REPOSITORY, Run, same


def words(zoo: Zoo, out: Path, *more: str) -> list[str]:
    shared = ["predict", "--config", "mnist-nmm-bim", "--zoo", str(zoo.path), "--out", str(out), *BIM]
    return [sys.executable, "-m", "lit_adv", *shared, *more]


def together(*commands: tuple[list[str], dict[str, str]]) -> None:
    """Runs commands side by side, one thread each, and expects all of them to succeed."""
    running = [
        subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1", **more},
            stderr=subprocess.PIPE,
            text=True,
        )
        for command, more in commands
    ]
    said = [process.communicate(timeout=240)[1] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), "\n".join(said)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.soak
def test_killed_at_random_moments(run: Run, zoo: Zoo) -> None:
    done = run("scripts/kill_runs.py", "--zoo", zoo.path, "--kills", "3", "--steps", "100", "--longest", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, " in done.stdout
    assert "all equal to the undisturbed one bit for bit" in done.stdout


@pytest.mark.soak
def test_two_hosts_under_torchrun(zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    port = str(free_port())
    launcher = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc_per_node", "1", "--master_addr", "127.0.0.1"]
    launcher += ["--master_port", port]
    python, module, *rest = words(zoo, tmp_path, "--trainer.devices", "1", "--trainer.num_nodes", "2")
    together(*(([python, *launcher, "--node_rank", host, module, *rest], {}) for host in "01"))
    assert same(tmp_path, nmm)


@pytest.mark.soak
def test_two_hosts_under_slurm(zoo: Zoo, nmm: Path, tmp_path: Path) -> None:
    """What srun sets for two tasks on two nodes; both are this one."""
    job = {
        "SLURM_JOB_ID": str(free_port()), "SLURM_JOB_NAME": "attack", "SLURM_NTASKS": "2", "SLURM_NNODES": "2",
        "SLURM_NTASKS_PER_NODE": "1", "SLURM_LOCALID": "0", "SLURM_NODELIST": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }  # fmt: skip
    command = words(zoo, tmp_path, "--trainer.devices", "1", "--trainer.num_nodes", "2")
    together(*((command, {**job, "SLURM_PROCID": task, "SLURM_NODEID": task}) for task in "01"))
    assert same(tmp_path, nmm)


@pytest.mark.soak
@pytest.mark.parametrize("processes", ["3", "4"])
def test_more_processes_give_the_same_bits(zoo: Zoo, nmm: Path, tmp_path: Path, processes: str) -> None:
    together((words(zoo, tmp_path, "--trainer.devices", processes), {}))
    assert same(tmp_path, nmm)


@pytest.mark.soak
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk(zoo: Zoo, nmm: Path, tmp_path: Path, processes: str) -> None:
    command = words(zoo, tmp_path, "--trainer.devices", processes)
    small = 40_000  # bytes; the sums of ten digits are larger

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (small, resource.RLIM_INFINITY))

    full = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, preexec_fn=no_room)
    assert full.returncode == 2, full.stderr
    (line,) = (line for line in full.stderr.splitlines() if line.startswith("lit-adv: "))
    assert "cannot write" in line
    assert "File too large" in line
    assert "Traceback" not in full.stderr
    assert not (tmp_path / "manifest.json").exists()
    together((command, {}))
    assert same(tmp_path, nmm)


@pytest.mark.soak
def test_a_model_that_fails_beside_others(zoo: Zoo, tmp_path: Path, run: Run) -> None:
    bad = tmp_path / "zoo"
    bad.mkdir()
    for path in zoo.path.glob("model-*"):
        (bad / path.name).write_bytes(path.read_bytes())
    (bad / "model-002.safetensors").write_bytes(b"damaged")
    arguments = ["-m", "lit_adv", "predict", "--config", "mnist-nmm-bim", "--zoo", bad, "--out", tmp_path / "out", *BIM]
    done = run(*arguments, "--trainer.devices", "2", "--skip-failed")
    assert done.returncode == 0, done.stderr
    found = PerturbationSet.load(tmp_path / "out")
    assert found.count.tolist() == [6] * 10
    assert [m.name for m in found.manifest.missing] == ["model-002"]
    assert "model-002.safetensors has checksum" in found.manifest.missing[0].reason


@pytest.mark.soak
def test_no_model_is_left_for_two_processes(zoo: Zoo, tmp_path: Path, run: Run) -> None:
    bad = tmp_path / "zoo"
    bad.mkdir()
    for path in zoo.path.glob("model-00[012]*"):
        (bad / path.name).write_bytes(path.read_bytes())
    arguments = ["-m", "lit_adv", "predict", "--config", "mnist-nmm-bim", "--zoo", bad, "--out", tmp_path / "out", *BIM]
    for name in ("model-001", "model-002"):  # too large for any image but a black one, which only the attack finds
        path = bad / f"{name}.safetensors"
        weights = load_file(path)
        first = next(key for key, tensor in weights.items() if tensor.ndim == 4)
        weights[first] = weights[first].float() / weights[first].abs().max() * 3e38
        path.unlink()
        save_file(weights, path)
        manifest = json.loads((bad / f"{name}.json").read_text())
        (bad / f"{name}.json").write_text(json.dumps({**manifest, "checksum": f"sha256:{sha256(path)}"}))
    done = run(*arguments, "--trainer.devices", "2", "--skip-failed")
    assert done.returncode == 2, done.stderr
    assert "no source model is left" in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()
