"""What callers hand to attacks: what works, and the one line that they get where it cannot."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square
from lit_adv.attacks.calibration import calibration
from lit_adv.errors import InputError
from lit_adv.models.fast import fast_form

ATTACKS: dict[str, Attack] = {
    "bim": BIM(epsilon=0.1, steps=3),
    "cw": CW(c=5.0, steps=4, lr=0.05),
    "deepfool": DeepFool(steps=3),
    "square": Square(epsilon=0.1, queries=8),
    "gradient": Gradient(),
}
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
with_gradient = pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if not isinstance(a, Square)])
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 4)]
    return nn.Sequential(*layers).eval().requires_grad_(False)


@pytest.fixture
def model() -> nn.Sequential:
    return network()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@every_attack
def test_a_model_in_training_mode_is_refused_before_it_runs(
    attack: Attack, model: nn.Sequential, images: Tensor
) -> None:
    model[1].train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for refused in (lambda: attack(model, images, LABELS), lambda: calibration(model, images, images + 1)):
        with pytest.raises(InputError, match=r"the model is in training mode: 1 \(BatchNorm2d\); call \.eval\(\)"):
            refused()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(InputError, match="training mode"):
        fast_form(model)


@every_attack
def test_models_may_work_in_place_on_their_input(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    def in_place(x: Tensor) -> Tensor:
        return model(x.sub_(0.25).div_(0.5))  # type: ignore[no-any-return]

    kept = images.clone()
    found = attack(in_place, images, LABELS, calibration=calibration(in_place, images, images + 0.1))
    plain: Callable[[Tensor], Tensor] = lambda x: model((x - 0.25) / 0.5)  # noqa: E731
    assert torch.equal(images, kept)
    assert torch.equal(found, attack(plain, images, LABELS, calibration=calibration(plain, images, images + 0.1)))


@every_attack
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_types_work_where_the_model_has_them(attack: Attack, images: Tensor, dtype: torch.dtype) -> None:
    delta = attack(network().to(dtype), images.to(dtype), LABELS)
    assert delta.dtype == dtype
    assert delta.shape == images.shape
    with pytest.raises(InputError, match=f"the images are {str(dtype)[6:]}, the model's weights float32; make them"):
        attack(network(), images.to(dtype), LABELS)


@every_attack
def test_layouts_of_images(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    expected = attack(model, images, LABELS)
    assert torch.equal(attack(model, images.transpose(2, 3).contiguous().transpose(2, 3), LABELS), expected)
    tracked = images.clone().requires_grad_()
    assert torch.equal(attack(model, tracked, LABELS), expected)
    assert tracked.grad is None
    one = images[:1].expand(6, -1, -1, -1)  # stride 0
    assert torch.equal(attack(model, one, LABELS), attack(model, one.clone(), LABELS))
    assert attack(model, images[:1], LABELS[:1]).shape == (1, 1, 4, 4)


@every_attack
def test_in_inference_mode_and_with_its_tensors(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    expected = attack(model, images, LABELS, calibration=calibration(model, images, images))
    with torch.inference_mode():
        made, labels = images.clone(), LABELS.clone()
        inside = attack(model, made, labels, calibration=calibration(model, made, made))
    assert torch.equal(inside, expected)
    assert torch.equal(attack(model, made, labels, calibration=calibration(model, made, made)), expected)
    assert not inside.is_inference()


@every_attack
def test_named_outputs(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    expected = attack(model, images, LABELS)
    assert torch.equal(attack(lambda x: {"logits": model(x), "features": x}, images, LABELS), expected)  # type: ignore[arg-type,return-value]
    with pytest.raises(InputError, match=r"a tuple of a tensor \[6, 4\], want logits \[6, K\] as a tensor; wrap"):
        attack(lambda x: (model(x),), images, LABELS)  # type: ignore[arg-type,return-value]


@with_gradient
def test_models_without_gradients_are_named(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    trained = network().requires_grad_()
    blind: list[Callable[[Tensor], Tensor]] = [
        torch.no_grad()(model.forward),
        lambda x: model(x).detach(),
        lambda x: trained(x.detach()),
        torch.inference_mode()(model.forward),
    ]
    for hidden in blind:
        right = model(images).argmax(1)  # else DeepFool has nothing to do
        with pytest.raises(InputError, match="the model gives logits without a gradient; if it runs under no_grad"):
            attack(hidden, images, right)
    assert Square(epsilon=0.1, queries=3)(blind[0], images, LABELS).shape == images.shape


@every_attack
def test_autocast_is_refused(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    with torch.autocast("cpu"), pytest.raises(InputError, match="autocast is on"):
        attack(model, images, LABELS)
    with torch.autocast("cpu"), pytest.raises(InputError, match="autocast is on"):
        calibration(model, images, images)


@every_attack
def test_random_models_are_named(attack: Attack, model: nn.Sequential, images: Tensor) -> None:
    right = model(images).argmax(1)
    with pytest.warns(UserWarning, match="the model draws random numbers while it runs"):
        attack(lambda x: model(functional.dropout(x, 0.1)), images, right)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "list": ({"images": [[0.5]]}, r"images are a list; give a tensor \[B, C, H, W\]"),
    "numpy images": ({"images": torch.zeros(6, 1, 4, 4).numpy()}, "images are a ndarray"),
    "three dimensions": ({"images": torch.zeros(6, 4, 4)}, r"images have shape \[6, 4, 4\], want \[B, C, H, W\]"),
    "five dimensions": ({"images": torch.zeros(6, 1, 1, 4, 4)}, "images have shape"),
    "bytes": ({"images": torch.zeros(6, 1, 4, 4, dtype=torch.uint8)}, "images are uint8; give .* images / 255"),
    "complex": ({"images": torch.zeros(6, 1, 4, 4, dtype=torch.complex64)}, "images are complex64"),
    "nan": ({"images": torch.full((6, 1, 4, 4), torch.nan)}, "images are not finite in rows 0, 1"),
    "numpy labels": ({"labels": LABELS.numpy()}, r"labels are a ndarray; give an int64 tensor, .*as_tensor\(labels\)"),
    "list of labels": ({"labels": [0] * 6}, "labels are a list"),
    "float labels": ({"labels": LABELS.float()}, r"labels are float32; they must be int64, such as labels\.long\(\)"),
    "one-hot labels": ({"labels": functional.one_hot(LABELS)}, r"labels have shape \[6, 4\], want \[6\]"),
    "bool targets": ({"targets": LABELS.bool()}, "targets are bool"),
    "numpy calibration": ({"calibration": torch.zeros(6, 4).numpy()}, "calibration has shape ndarray"),
    "one class": ({"model": lambda x: x.sum((2, 3)), "labels": LABELS * 0}, "1 logits, too few for class 1"),
    "float images of another device's model": ({"model": network().to("meta")}, "the images are on cpu, the model on"),
    "scalar logits": ({"model": lambda x: x.sum()}, r"logits of shape \[\], want \[6, K\]"),
    "numpy logits": ({"model": lambda x: x.detach().flatten(1).numpy()}, "a ndarray, want logits"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_misfits_get_one_line(kind: str, model: nn.Sequential, images: Tensor) -> None:
    changed, words = WRONG[kind]
    for attack in ATTACKS.values():
        given = {"model": model, "images": images, "labels": LABELS, **changed}
        with pytest.raises(InputError, match=words) as caught:
            attack(given.pop("model"), given.pop("images"), given.pop("labels"), **given)
        assert "\n" not in str(caught.value)
