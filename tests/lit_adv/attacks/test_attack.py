"""What every attack owes its caller, checked for all of them alike."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square, TransferBIM
from lit_adv.attacks.attack import Problem
from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel

ATTACKS = {
    "bim": BIM(epsilon=0.3, steps=5),
    "fgsm": BIM(epsilon=0.3, steps=1),
    "cw": CW(c=5.0, steps=12, lr=0.05),
    "cw-confident": CW(c=5.0, confidence=0.3, steps=12, lr=0.05),
    "cw-last": CW(c=5.0, steps=12, lr=0.05, return_last=True),
    "deepfool": DeepFool(steps=4),
    "deepfool-2": DeepFool(steps=4, top_k=2),
    "square": Square(epsilon=0.3, queries=20),
    "square-stripes": Square(epsilon=0.3, queries=20, stripes=True),
    "gradient": Gradient(),
}
UNTARGETED_ONLY = {"deepfool", "deepfool-2"}
IDLE = {
    "bim": BIM(epsilon=0.3, steps=0),
    "cw": CW(steps=0),
    "cw-last": CW(steps=0, return_last=True),
    "deepfool": DeepFool(steps=0),
    "square": Square(epsilon=0.3, queries=0),
}
every_attack = pytest.mark.parametrize("name", ATTACKS)
CLASSES = 4


def small_network(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Two layers on `[B, 1, 4, 4]`, float64, without a kernel that knows the batch: rows do not touch each other."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(8, 16, generator=generator, dtype=torch.float64)
    second = torch.randn(CLASSES, 8, generator=generator, dtype=torch.float64)

    def model(x: Tensor) -> Tensor:
        hidden = torch.nn.functional.softplus((x.flatten(1)[:, None, :] * first).sum(-1))
        return (hidden[:, None, :] * second).sum(-1)

    return model


def problem(rows: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images, labels (most of them right), targets, calibration."""
    generator = torch.Generator().manual_seed(seed + 1)
    images = torch.rand(rows, 1, 4, 4, generator=generator, dtype=torch.float64)
    calibration = torch.randn(rows, CLASSES, generator=generator, dtype=torch.float64) / 2
    labels = (small_network(seed)(images) + calibration).argmax(1)
    labels[::5] = (labels[::5] + 1) % CLASSES
    return images, labels, (labels + 1) % CLASSES, calibration


def ways(name: str, targets: Tensor, calibration: Tensor) -> list[dict[str, Tensor]]:
    found = [{}, {"calibration": calibration}]
    if name not in UNTARGETED_ONLY:
        found += [{"targets": targets}, {"targets": targets, "calibration": calibration}]
    return found


@every_attack
@settings(max_examples=10, deadline=None)
@given(rows=st.integers(2, 9), seed=st.integers(0, 99))
def test_a_sample_does_not_depend_on_its_batch(name: str, rows: int, seed: int) -> None:
    model, attack = small_network(seed), ATTACKS[name]
    images, labels, targets, calibration = problem(rows, seed)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    for way in ways(name, targets, calibration):
        delta = attack(model, images, labels, **way)
        assert delta.shape == images.shape
        assert delta.dtype == images.dtype
        assert not delta.requires_grad
        assert torch.equal(delta, attack(model, images, labels, **way))
        for part in (order, order[:1], order[: rows // 2 + 1]):
            alone = attack(model, images[part], labels[part], **{key: value[part] for key, value in way.items()})
            assert torch.allclose(alone, delta[part], atol=1e-12)


@every_attack
def test_the_calibration_shifts_what_the_attack_sees(name: str) -> None:
    """Logits f + calib, whether the attack or the model adds calib to them."""
    model, attack = small_network(), ATTACKS[name]
    images, labels, targets, calibration = problem(7)
    for way in ways(name, targets, calibration)[1::2]:
        delta = attack(model, images, labels, **way)
        for row in range(7):
            shifted = attack(
                lambda x, row=row: model(x) + calibration[row],  # type: ignore[misc]
                images[row : row + 1],
                labels[row : row + 1],
                targets=way["targets"][row : row + 1] if "targets" in way else None,
            )
            assert torch.allclose(delta[row], shifted[0], atol=1e-12)


@pytest.mark.parametrize("name", IDLE)
def test_an_attack_without_a_step_gives_exactly_nothing(name: str) -> None:
    images, labels, _, calibration = problem(6)
    images = images + torch.randn(images.shape, dtype=torch.float64) / 2  # a noisy copy outside [0, 1]
    delta = IDLE[name](small_network(), images, labels, calibration=calibration)
    assert torch.equal(delta, torch.zeros_like(images))
    covariance = (-delta * (images - images.mean((1, 2, 3), keepdim=True))).sum((1, 2, 3))
    assert (covariance == 0).all()  # nothing of the image leaks into it


@every_attack
def test_inputs_are_left_as_they_were(name: str) -> None:
    images, labels, _, calibration = problem(6)
    copies = [t.clone() for t in (images, labels, calibration)]
    ATTACKS[name](small_network(), images, labels, calibration=calibration)
    assert all(torch.equal(a, b) for a, b in zip(copies, (images, labels, calibration), strict=True))


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - {"deepfool-2", "square-stripes"}))
def test_the_attack_raises_its_loss(name: str) -> None:
    model, attack = small_network(), ATTACKS[name]
    images, labels, targets, calibration = problem(12)
    for way in ways(name, targets, calibration):
        asked = Problem(
            model=model,
            images=images,
            classes=way.get("targets", labels),
            targeted="targets" in way,
            calibration=way.get("calibration"),
            row=torch.arange(12),
            highest=CLASSES - 1,
        )
        before = asked.log_odds(asked.logits(images))
        share = 1.0 if isinstance(attack, Square) else 0.01  # the others know a direction
        after = asked.log_odds(asked.logits(images + share * attack(model, images, labels, **way)))
        assert (after >= before - 1e-12).float().mean() >= 0.9
        assert after.mean() > before.mean()


@every_attack
def test_logits_that_are_not_finite_name_their_rows(name: str) -> None:
    images, labels, _, _ = problem(6)
    images[4] = 77.0

    def model(x: Tensor) -> Tensor:
        return small_network()(x).masked_fill((x > 70).flatten(1).all(1)[:, None], torch.nan)

    with pytest.raises(BrokenModel, match="logits that are not finite for rows 4 of the batch"):
        ATTACKS[name](model, images, labels)


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - {"square", "square-stripes"}))
def test_gradients_that_are_not_finite_name_their_rows(name: str) -> None:
    images = problem(6)[0]
    images[3, 0, 0, 0] = 0.0

    def model(x: Tensor) -> Tensor:
        # √ has an infinite slope at 0; its value there is finite.
        root = (x[:, 0, 0, 0] * 1e-12).abs().sqrt() * torch.arange(CLASSES, dtype=torch.float64)[:, None]
        return small_network()(x) + root.T

    labels = model(images).argmax(1)
    with pytest.raises(BrokenModel, match="gradients that are not finite for rows 3 of the batch"):
        ATTACKS[name](model, images, labels)


@every_attack
def test_a_calibration_that_is_not_finite_is_the_models_fault(name: str) -> None:
    """It comes from the model's logits at the clean image; nothing must be taken for fooled because of it."""
    images, labels, _, calibration = problem(6)
    for value in (torch.nan, torch.inf, -torch.inf):
        calibration[2, 1] = value
        with pytest.raises(BrokenModel, match="not finite for rows 2 of the batch"):
            ATTACKS[name](small_network(), images, labels, calibration=calibration)


@every_attack
@pytest.mark.parametrize("channels", [1, 3])
def test_float32_images_of_other_shapes_with_a_float64_calibration(name: str, channels: int) -> None:
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(CLASSES, channels * 28, generator=generator)
    images = torch.rand(6, channels, 4, 7, generator=generator)
    calibration = torch.randn(6, CLASSES, generator=generator, dtype=torch.float64) / 2

    def model(x: Tensor) -> Tensor:
        return x.flatten(1) @ weight.to(x.dtype).T

    labels = (model(images) + calibration).argmax(1)
    with torch.no_grad():  # attacks need no help to take gradients
        delta = ATTACKS[name](model, images, labels, calibration=calibration)
    assert (delta.dtype, delta.shape) == (torch.float32, images.shape)
    if "square" not in name:
        expected = ATTACKS[name](model, images.double(), labels, calibration=calibration)
        assert torch.allclose(delta.double(), expected, atol=1e-3)


@every_attack
def test_logits_that_are_a_plain_sum(name: str) -> None:
    """Their gradient is one number expanded, which must not be written into."""
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    delta = ATTACKS[name](lambda x: x.sum((2, 3)), images, torch.tensor([0, 1]))
    assert delta.shape == images.shape


@every_attack
def test_no_images_no_perturbations(name: str) -> None:
    images, labels, _, _ = problem(6)
    assert ATTACKS[name](small_network(), images[:0], labels[:0]).shape == (0, 1, 4, 4)


@every_attack
def test_misfits_are_named(name: str) -> None:
    model, attack = small_network(), ATTACKS[name]
    images, labels, targets, calibration = problem(6)
    with pytest.raises(InputError, match="labels have shape"):
        attack(model, images, labels[:3])
    with pytest.raises(InputError, match="labels reach down to -100; they must be 0 or more"):
        attack(model, images, torch.full_like(labels, -100))  # what torch's cross-entropy ignores
    with pytest.raises(InputError, match="labels are int32; they must be int64"):
        attack(model, images, labels.int())
    with pytest.raises(InputError, match="targets have shape"):
        attack(model, images, labels, targets=targets[:3])
    with pytest.raises(InputError, match="targets equal labels in rows 2;"):
        attack(model, images, labels, targets=targets.index_put((torch.tensor(2),), labels[2]))
    with pytest.raises(InputError, match="calibration has shape"):
        attack(model, images, labels, calibration=calibration[:3])
    with pytest.raises(InputError, match="calibration has shape"):
        attack(model, images, labels, calibration=calibration[:, :3])
    with pytest.raises(BrokenModel, match=r"logits of shape \[6, 2, 2\]"):
        attack(lambda x: model(x).view(-1, 2, 2), images, labels)
    with pytest.raises(BrokenModel, match="too few for class 7"):
        attack(model, images, torch.full_like(labels, 7))


@pytest.mark.parametrize("name", sorted(UNTARGETED_ONLY))
def test_deepfool_has_no_targets(name: str) -> None:
    images, labels, targets, _ = problem(6)
    with pytest.raises(InputError, match="DeepFool is untargeted"):
        ATTACKS[name](small_network(), images, labels, targets=targets)


@pytest.mark.parametrize(
    ("attack", "wrong"),
    [
        (BIM, {"epsilon": 0}),
        (BIM, {"epsilon": float("nan")}),
        (BIM, {"epsilon": float("inf")}),
        (BIM, {"epsilon": 1, "clip": (1, 0)}),
        (BIM, {"epsilon": 1, "steps": -1}),
        (BIM, {"epsilon": 1, "step_size": 0}),
        (CW, {"c": 0}),
        (CW, {"confidence": -1}),
        (CW, {"steps": -1}),
        (CW, {"lr": 0}),
        (DeepFool, {"steps": -1}),
        (DeepFool, {"overshoot": -0.1}),
        (DeepFool, {"top_k": 1}),
        (Square, {"epsilon": -1}),
        (Square, {"epsilon": 1, "queries": -1}),
        (Square, {"epsilon": 1, "p_init": 0}),
        (Square, {"epsilon": 1, "p_init": 1.1}),
        (Square, {"epsilon": 1, "seed": -1}),
    ],
)
def test_bad_parameters(attack: type[Attack], wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{attack.__name__}: {list(wrong)[-1]} is .* (must be|at most)"):
        attack(**wrong)


@dataclass(frozen=True, kw_only=True)
class OwnBIM(BIM):
    """An attack that inherits its parameters."""


@pytest.mark.parametrize("kind", [BIM, OwnBIM, TransferBIM])
def test_steps_are_whole_and_bounds_are_two(kind: type[BIM] | type[TransferBIM]) -> None:
    with pytest.raises(InputError, match=rf"^{kind.__name__}: steps is 2\.5; it must be a whole number$"):
        kind(epsilon=0.1, steps=2.5)  # type: ignore[arg-type]
    for clip in ((1.0,), (0.5, 0.6, 0.7), (1.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(InputError, match="it must be a lower and a higher bound"):
            kind(epsilon=0.1, clip=clip)  # type: ignore[arg-type]
