"""What models give, and modules that are found in training mode wherever a callable keeps them."""

import functools
from collections import namedtuple
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel, logits_of, mismatch, refuse_training

LOGITS = torch.arange(6.0).view(2, 3)
Named = namedtuple("Named", ["logits", "aux_logits"])


@pytest.mark.parametrize(
    "output",
    [LOGITS, {"logits": LOGITS, "hidden": torch.zeros(4)}, SimpleNamespace(logits=LOGITS), Named(LOGITS, LOGITS + 1)],
    ids=["tensor", "mapping", "attribute", "named tuple"],
)
def test_logits_are_found(output: object) -> None:
    assert logits_of(output, 2) is LOGITS


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            (LOGITS, torch.zeros(4)),
            r"a tuple of a tensor \[2, 3\], a tensor \[4\], want logits \[2, K\] .*model\(x\)\[0\]",
        ),
        ([LOGITS], r"a list of a tensor \[2, 3\]"),
        ({"scores": LOGITS}, "a dict of scores, want logits"),
        ({}, "a dict of nothing"),
        (LOGITS.numpy(), r"a ndarray, .*torch\.from_numpy"),
        (None, "a NoneType"),
        (1.5, "a float"),
        (LOGITS[0], r"logits of shape \[3\], want \[2, K\] for 2 images"),
        (LOGITS[:1], r"logits of shape \[1, 3\]"),
        (LOGITS.long(), "logits of int64, want floating-point"),
        (LOGITS.to(torch.complex64), "logits of complex64"),
    ],
)
def test_other_outputs_are_described(output: object, words: str) -> None:
    with pytest.raises(BrokenModel, match=f"the model gives {words}"):
        logits_of(output, 2)


NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


def by_global(x: Tensor) -> Tensor:
    """Uses a network of its file, as notebooks do."""
    out: Tensor = NETWORK(x)
    return out


class Owner:
    """Object whose method uses a network."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def logits(self, x: Tensor) -> Tensor:
        """Calls the network."""
        out: Tensor = self.network(x)
        return out

    __call__ = logits


def callables() -> dict[str, Callable[[Tensor], Tensor]]:
    network = NETWORK
    return {
        "module": network,
        "bound": network.forward,
        "closure": lambda x: network(x * 2),
        "global": by_global,
        "partial": functools.partial(lambda model, x: model(x), network),
        "wrapped": nn.DataParallel(network),
        "object": Owner(network),
        "method": Owner(network).logits,
    }


@pytest.mark.parametrize("kind", callables())
def test_a_module_in_training_mode_is_found(kind: str) -> None:
    NETWORK.eval()
    model = callables()[kind]
    if isinstance(model, nn.Module):
        model.eval()
    refuse_training(model)
    NETWORK[1].train()
    with pytest.raises(InputError, match=r"the model is in training mode: .*1 \(Linear\); call \.eval\(\) on it first"):
        refuse_training(model)
    NETWORK.eval()


def test_many_modules_in_training_mode_are_counted() -> None:
    with pytest.raises(InputError, match=r"judge is in training mode: itself \(Sequential\), 0 .* and 3 more"):
        refuse_training(nn.Sequential(*(nn.ReLU() for _ in range(5))), "judge")


def test_weights_that_do_not_suit_the_images() -> None:
    images = torch.zeros(1, 1, 2, 2)
    assert mismatch(NETWORK, images) == ""
    assert "the images are float64, the model's weights float32" in mismatch(NETWORK, images.double())
    assert "the images are on meta, the model on cpu" in mismatch(NETWORK, images.to("meta"))
    with torch.inference_mode():
        made = nn.Linear(4, 3)
    assert "made in inference mode" in mismatch(made, images)
    assert mismatch(np.sum, images) == ""
