"""An average over many models needs no more memory than over few."""

import subprocess
import sys

import pytest

from tests.helpers import REPOSITORY

MODEL_MIB = 120
PEAK = f"""
import resource, sys
import torch
import lit_adv

def make(count):
    for seed in range(count):
        torch.manual_seed(seed)
        width = {MODEL_MIB} * 2**20 // 4 // 794
        yield torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(784, width), torch.nn.ReLU(), torch.nn.Linear(width, 10)
        ).eval()

images, labels = lit_adv.digits(per_class=1)
found = lit_adv.average(make(int(sys.argv[1])), images, labels, lit_adv.Gradient(), copies=2, sigma=0.2)
assert len(found.manifest.sources) == int(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))
"""


@pytest.mark.soak
def test_twelve_models_peak_like_two() -> None:
    """Twelve models together would take more than a gibibyte."""
    peaks = []
    for count in ("2", "12"):
        words = [sys.executable, "-c", PEAK, count]
        peaks.append(float(subprocess.run(words, cwd=REPOSITORY, capture_output=True, check=True).stdout))
    assert peaks[1] < peaks[0] + MODEL_MIB
