"""Freed memory stays with the process where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

from lit_adv.freed_memory import keep_freed_memory

FAULTS = """
import resource, torch
from lit_adv.freed_memory import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(30):
        torch.ones(12 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
without = faults()
assert keep_freed_memory()
print(without, faults())
"""


def test_it_is_kept_and_not_faulted_in_again() -> None:
    """48 MiB taken and freed thirty times: page faults each time without, most times none with."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("the C library is not glibc; freed memory is left as it is")
    without, kept = map(int, subprocess.check_output([sys.executable, "-c", FAULTS], text=True).split())
    assert kept < without / 2


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        def __init__(self, name: str | None) -> None:
            pass

    monkeypatch.setattr("ctypes.CDLL", Other)
    assert keep_freed_memory() is False
