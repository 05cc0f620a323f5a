"""A twentieth of the digits, and training without other processes, for scripts that train zoos of their own."""

import pytest

from datamodules import mnist
from tests.trainers.conftest import in_this_process
from tests.trainers.test_zoo_runner import few_digits

__all__ = ["in_this_process"]


@pytest.fixture
def few_digits_here(in_this_process: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the data module `digits` have few, and `train_zoo` do its work in this process."""
    monkeypatch.setattr(mnist, "embedded_digits", few_digits)
