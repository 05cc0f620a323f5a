"""A small perturbation set, and jsPsych from npm."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.study.jspsych import INSTALL


def small_set(targeted: bool = False) -> PerturbationSet:
    """Four CIFAR-10 images each of cat, dog and ship, in this order; targeted, each towards frog."""
    generator = torch.Generator().manual_seed(5)
    return PerturbationSet(
        perturbation=torch.randn(12, 3, 32, 32, generator=generator) * 0.01,
        image=torch.rand(12, 3, 32, 32, generator=generator),
        label=torch.tensor([3, 5, 8]).repeat_interleave(4),
        target=torch.full((12,), 6) if targeted else None,
        count=torch.full((12,), 6),
        manifest=Manifest(setting="NMM", attack=AttackRecord("BIM"), data=DataRecord("cifar10")),
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`small_set` on disk."""
    out = tmp_path_factory.mktemp("set")
    small_set().save(out)
    return out


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """jsPsych and its plugins, installed from npm's registry."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, so that there is no jsPsych to test the page with")
    out = tmp_path_factory.mktemp("npm")
    command = [*INSTALL.split(), "--prefix", str(out), "--no-audit", "--no-fund", "--fetch-retries", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install jsPsych, is its registry reachable? {done.stderr.strip()[-300:]}")
    return out / "node_modules"
