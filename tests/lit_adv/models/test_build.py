"""Networks come by name, with their normalisation and size in front, and are counted right."""

import pytest
import torch
from torch import nn

from lit_adv.errors import InputError
from lit_adv.models.build import Prepared, build, check_fit, count, macs, prepare
from lit_adv.models.vgg import vgg16_like


def test_three_ways_to_name_a_network() -> None:
    assert isinstance(build("vgg16_like", {"width": 2}), nn.Sequential)
    with torch.device("meta"):
        by_name = build("resnet20_cifar10", {})
        by_path = build(
            "pytorchcv.models.resnet_cifar.get_resnet_cifar", {"num_classes": 10, "blocks": 20, "bottleneck": False}
        )
    assert str(by_name) == str(by_path)


@pytest.mark.parametrize(
    ("architecture", "arguments", "message"),
    [
        ("resnet20_cifar11", {}, r"pytorchcv has no model 'resnet20_cifar11'; did you mean .*resnet20_cifar10"),
        ("qqqqqqqq", {}, "lit-adv zoo lists the names"),
        ("os.system", {}, "pytorchcv has no model 'os.system'"),
        ("pytorchcv.models.resnet_cifar.nothing", {}, "pytorchcv has no models.resnet_cifar.nothing"),
        ("pytorchcv.models.nothing.get", {}, "pytorchcv has no models.nothing.get"),
        ("pytorchcv.models.resnet_cifar.os.system", {}, "pytorchcv has no models.resnet_cifar.os.system"),
        ("pytorchcv.models.common.model_store._download", {"url": "file:///x"}, "none of pytorchcv's architectures"),
        (
            "pytorchcv.models.common.model_store.get_model_file",
            {"model_name": "x"},
            "none of pytorchcv's architectures",
        ),
        ("pytorchcv.models.resnet_cifar.os", {}, "none of pytorchcv's architectures"),
        ("resnet20_cifar10", {"pretrained": True}, "not by `pretrained`"),
        ("resnet20_cifar10", {"wings": 2}, "cannot be built with {'wings': 2}"),
        (
            "pytorchcv.models.resnet_cifar.get_resnet_cifar",
            {"num_classes": 10, "blocks": 9, "bottleneck": False},
            r"cannot be built with .*: assert.*blocks - 2",
        ),
    ],
)
def test_wrong_names_and_arguments(architecture: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(architecture, arguments)


def test_pixels_are_normalised_and_resized() -> None:
    seen = nn.Identity()
    images = torch.rand(2, 3, 4, 4)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
    found = Prepared(seen, mean, std)(images)
    for c in range(3):
        assert torch.allclose(found[:, c], (images[:, c] - mean[c]) / std[c])
    flat = torch.full((1, 1, 4, 4), 0.7)
    assert torch.allclose(Prepared(seen, [0.0], [1.0], size=9)(flat), torch.full((1, 1, 9, 9), 0.7))


def test_the_gradient_flows_back_through_the_resize() -> None:
    model = Prepared(nn.Flatten(), [0.5], [0.1], size=7).double()
    images = torch.rand(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, (images,))


def test_a_network_that_needs_nothing_stays_alone() -> None:
    network = nn.Flatten()
    assert prepare(network, [0.0], [1.0]) is network
    assert isinstance(prepare(network, [0.0], [0.5]), Prepared)
    assert isinstance(prepare(network, [0.0], [1.0], size=7), Prepared)


def test_a_model_that_does_not_fit_is_named() -> None:
    with torch.device("meta"):
        model = build("resnet20_cifar100", {}).eval()
    check_fit(model, (3, 32, 32), 100, "a")
    with pytest.raises(InputError, match=r"a gives \[1, 100\] for one image of 10 classes"):
        check_fit(model, (3, 32, 32), 10, "a")
    with pytest.raises(InputError, match=r"a does not take images \[1, 28, 28\]"):
        check_fit(model, (1, 28, 28), 100, "a")


def test_counts_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 6 * 6, 10))
    assert macs(network, (1, 6, 6)) == 36 * 4 * 9 + 4 * 36 * 10
    assert count("resnet20_cifar10", {}, (3, 32, 32)) == (272_474, 40_813_184)
    parameters = sum(p.numel() for p in vgg16_like(2).parameters())
    assert count("vgg16_like", {"width": 2}, (1, 28, 28)) == (parameters, macs(vgg16_like(2), (1, 28, 28)))
    with pytest.raises(InputError, match=r"does not take images \[5, 32, 32\]"):
        count("resnet20_cifar10", {}, (5, 32, 32))
