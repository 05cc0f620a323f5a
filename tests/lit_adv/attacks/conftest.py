"""A small trained network, and digits in [0.25, 0.75] for it."""

import pytest
from safetensors.torch import load_file
from torch import Tensor, nn

from datamodules.labelled import Labelled
from tests.helpers import DIGITS_NETWORK, digits_network, shrunk


@pytest.fixture(scope="session")
def trained() -> nn.Sequential:
    """`digits_network` with the weights in `tests/data`, float64."""
    model = digits_network()
    model.load_state_dict(load_file(DIGITS_NETWORK))
    return model.double().eval().requires_grad_(False)


@pytest.fixture(scope="session")
def batch(digits: Labelled, trained: nn.Sequential) -> tuple[Tensor, Tensor]:
    """32 test digits in [0.25, 0.75], float64, that `trained` gets right, of all classes."""
    images, labels = shrunk(digits.test_images).double(), digits.test_labels
    right = (trained(images).argmax(1) == labels).nonzero()[:, 0]
    chosen = right[:: len(right) // 32][:32]
    return images[chosen], labels[chosen]
