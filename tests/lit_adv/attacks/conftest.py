"""A small trained network, and digits in [0.25, 0.75] for it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from datamodules.labelled import Labelled

Model = Callable[[Tensor], Tensor]


@pytest.fixture(scope="session")
def trained(digits: Labelled) -> nn.Sequential:
    """A network of four layers with batch normalisation, trained on 0.25 + digit/2 for two epochs.

    Without pooling: on the flat background of digits the largest of several equal values, and so the gradient, would
    depend on the last bit.
    """
    images, labels = shrunk(digits.train_images), digits.train_labels
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
            *(nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(16 * 49, 32), nn.ReLU(), nn.Linear(32, 10)),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for batch in torch.cat([torch.randperm(len(labels)), torch.randperm(len(labels))]).split(50):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval().requires_grad_(False)


def shrunk(images: Tensor) -> Tensor:
    return 0.25 + images / 2


@pytest.fixture(scope="session")
def batch(digits: Labelled, trained: nn.Sequential) -> tuple[Tensor, Tensor]:
    """32 test digits in [0.25, 0.75] that `trained` gets right, of all classes."""
    images, labels = shrunk(digits.test_images), digits.test_labels
    right = (trained(images).argmax(1) == labels).nonzero()[:, 0]
    chosen = right[:: len(right) // 32][:32]
    return images[chosen], labels[chosen]
