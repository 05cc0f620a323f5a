"""The digits' network keeps its names, and takes what a recipe varies."""

from typing import Any

import pytest
import torch

from lit_adv.errors import InputError
from lit_adv.models.build import build
from lit_adv.models.stack import Stack
from lit_adv.models.vgg import vgg16_like


def test_the_default_has_the_names_that_zoos_hold(zoo: Any) -> None:
    network = vgg16_like(2)
    assert network.state_dict().keys() == zoo.models[0].load().state_dict().keys()


@pytest.mark.parametrize("arguments", [{"batch_norm": False}, {"dropout": 0.5}, {"pad": 2}, {"width": 1, "pad": 2}])
def test_variants_give_logits_one_by_one_and_stacked(arguments: dict[str, Any]) -> None:
    torch.manual_seed(0)
    networks = [build("vgg16_like", arguments).eval() for _ in range(2)]
    images = torch.rand(3, 1, 28, 28)
    expected = torch.cat([network(images) for network in networks])
    assert expected.shape == (6, 10)
    assert torch.allclose(Stack(networks)(images.repeat(2, 1, 1, 1)), expected, atol=1e-5)


def test_without_batch_normalisation_a_signal_comes_through() -> None:
    """Torch's own initialisation would leave less than a thousandth of it."""
    torch.manual_seed(0)
    first, second = vgg16_like(8, batch_norm=False)(torch.rand(2, 1, 28, 28))
    assert (first - second).abs().max() > 0.001
    assert not any("running" in name for name in vgg16_like(1, batch_norm=False).state_dict())


@pytest.mark.parametrize(("arguments", "said"), [({"pad": -1}, "pad is -1"), ({"dropout": 2.0}, "dropout")])
def test_wrong_arguments(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        build("vgg16_like", arguments)
