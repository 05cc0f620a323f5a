"""Networks are built for loading without a draw from any generator."""

import pytest
import torch

from lit_adv.models.build import build
from lit_adv.models.skip_init import SkipInit


@pytest.mark.parametrize("architecture", ["vgg16_like", "resnet20_cifar10", "squeezenet_v1_1", "fdmobilenet_wd4"])
def test_building_draws_nothing_and_loading_gives_the_network(architecture: str) -> None:
    torch.manual_seed(3)
    network = build(architecture, {})
    before = torch.get_rng_state()
    with SkipInit():
        other = build(architecture, {})
    assert torch.equal(torch.get_rng_state(), before)
    other.load_state_dict(network.state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), other.state_dict().values(), strict=True)
    )


def test_outside_the_context_weights_are_random_again() -> None:
    with SkipInit():
        pass
    assert torch.nn.Linear(3, 3).weight.std() > 0
