"""The whole way on another device than the CPU: on a simulated one everywhere, on a GPU where there is one.

A device is registered for a whole process: it becomes `torch.accelerator`'s, and Lightning's. So its tests, those of
`tests/second_device`, run in a process of their own.
"""

import pytest
import torch

from tests.helpers import REPOSITORY, Run
from tests.second_device.device import NAME

HERE = REPOSITORY / "tests" / "second_device"


def devices() -> list[object]:
    no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
    return [NAME, pytest.param("cuda", marks=no_gpu)]


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("marked", ["not soak", pytest.param("soak", marks=pytest.mark.soak)])
def test_the_whole_way(run: Run, device: str, marked: str) -> None:
    try:
        from torch.utils.backend_registration import _setup_privateuseone_for_python_backend  # noqa: F401
    except ImportError:
        pytest.skip("this torch has no Python backend for PrivateUse1")
    done = run("-m", "pytest", HERE, "--device", device, "-m", marked, "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_not_without_being_asked(request: pytest.FixtureRequest) -> None:
    assert not [item for item in request.session.items if HERE in item.path.parents]
