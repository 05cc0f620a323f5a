"""BIM's parts for transfer: against torchattacks on the same draws, and what holds for all of them."""

from dataclasses import replace
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from lit_adv.attacks import BIM, TransferBIM
from lit_adv.attacks import transfer_bim as module
from lit_adv.attacks.hooks import smoothed
from lit_adv.errors import InputError

EPSILON, STEPS = 0.05, 6
STEP = 2 * EPSILON / STEPS
Batch = tuple[Tensor, Tensor]


@pytest.fixture(scope="module")
def torchattacks() -> ModuleType:
    import torchattacks

    return torchattacks


@pytest.fixture
def inner(batch: Batch) -> Batch:
    """Digits far enough from 0 and 1 that peers' clipping changes nothing."""
    images, labels = batch
    return 0.2 + 0.6 * images[:8], labels[:8]


def alike(found: Tensor, expected: Tensor, images: Tensor) -> bool:
    """Whether signs agree but for a few that a gradient near 0 decides."""
    away = (images + found - expected).abs() > 1e-9
    return float(away.double().mean()) < 0.005


def test_without_any_part_it_is_bim(trained: nn.Module, inner: Batch) -> None:
    images, labels = inner
    plain = TransferBIM(epsilon=EPSILON, steps=STEPS)(trained, images, labels)
    torch.testing.assert_close(plain, BIM(epsilon=EPSILON, steps=STEPS)(trained, images, labels), atol=1e-12, rtol=0)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(
    ("peer", "ours", "theirs"),
    [
        ("MIFGSM", {"momentum": 1.0}, {"decay": 1.0}),
        ("NIFGSM", {"momentum": 0.8, "nesterov": True}, {"decay": 0.8}),
        ("SINIFGSM", {"momentum": 1.0, "nesterov": True, "scales": 3}, {"decay": 1.0, "m": 3}),
    ],
)
def test_parts_without_draws_are_torchattacks(
    peer: str, ours: dict, theirs: dict, targeted: bool, trained: nn.Module, inner: Batch, torchattacks: ModuleType
) -> None:
    images, labels = inner
    targets = (labels + 1) % 10
    attack = getattr(torchattacks, peer)(trained, eps=EPSILON, alpha=STEP, steps=STEPS, **theirs)
    if targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    expected = attack(images, targets if targeted else labels)
    words = {"targets": targets} if targeted else {}
    found = TransferBIM(epsilon=EPSILON, steps=STEPS, **ours)(trained, images, labels, **words)
    assert alike(found, expected, images)


def test_smoothing_is_torchattacks(trained: nn.Module, torchattacks: ModuleType) -> None:
    attack = torchattacks.TIFGSM(trained, kernel_name="gaussian", len_kernel=15, nsig=3)
    point = torch.zeros(1, 3, 15, 15, dtype=torch.float64)
    point[..., 7, 7] = 1
    kernel = torch.from_numpy(attack.kernel_generation()).double()
    torch.testing.assert_close(smoothed(point, 15)[0], kernel[:, 0], atol=1e-7, rtol=1e-5)


def test_variance_tuning_is_torchattacks_on_the_same_draws(
    trained: nn.Module, inner: Batch, torchattacks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = inner
    drawn = torch.rand(STEPS, 4, *images.shape, dtype=images.dtype)
    theirs = iter(drawn.flatten(0, 1))

    class Drawn(Tensor):
        """Noise whose `uniform_` is the next draw."""

        def uniform_(self, low: float, high: float) -> Tensor:  # type: ignore[override]
            return low + (high - low) * next(theirs)

    attack = torchattacks.VMIFGSM(trained, eps=EPSILON, alpha=STEP, steps=STEPS, decay=1.0, N=4, beta=1.5)
    with monkeypatch.context() as patched:
        patched.setattr("torch.randn_like", lambda x: torch.zeros_like(x).as_subclass(Drawn))
        expected = attack(images, labels)
    ours = iter(drawn)
    monkeypatch.setattr(module, "uniform", lambda *_: next(ours).transpose(0, 1).flatten(1))
    found = TransferBIM(epsilon=EPSILON, steps=STEPS, momentum=1.0, neighbours=4)(trained, images, labels)
    assert alike(found, expected, images)


def test_diversity_is_torchattacks_on_the_same_draws(
    trained: nn.Module, inner: Batch, torchattacks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = inner[0][:1], inner[1][:1]
    draws = torch.rand(STEPS, 1, 4)
    attack = torchattacks.DIFGSM(
        trained, eps=EPSILON, alpha=STEP, steps=STEPS, decay=1.0, resize_rate=0.7, diversity_prob=0.6
    )
    whole = iter((draws[:, 0, :3]).flatten().tolist())
    chance = iter(draws[:, 0, 3:])

    def integer(low: int, high: int, size: tuple[int], dtype: torch.dtype) -> Tensor:
        return torch.tensor([low + int(next(whole) * (high - low))], dtype=dtype)

    with monkeypatch.context() as patched:
        patched.setattr("torch.randint", integer)
        patched.setattr("torch.rand", lambda _: next(chance))
        expected = attack(images, labels)
    ours = iter(draws)
    monkeypatch.setattr(module, "uniform", lambda *_: next(ours))
    attack = TransferBIM(epsilon=EPSILON, steps=STEPS, momentum=1.0, diversity=0.6, smallest=0.7)
    assert alike(attack(trained, images, labels), expected, images)


def test_pgd_is_torchattacks_from_the_same_start(
    trained: nn.Module, inner: Batch, torchattacks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = inner
    draws = torch.rand(images.shape, dtype=images.dtype)

    class Drawn(Tensor):
        """What `uniform_` fills with the draws."""

        def uniform_(self, low: float, high: float) -> Tensor:  # type: ignore[override]
            return low + (high - low) * draws

    with monkeypatch.context() as patched:
        patched.setattr("torch.empty_like", lambda x: torch.zeros_like(x).as_subclass(Drawn))
        expected = torchattacks.PGD(trained, eps=EPSILON, alpha=STEP, steps=STEPS)(images, labels)
    monkeypatch.setattr(module, "uniform", lambda *_: draws.flatten(1))
    found = TransferBIM(epsilon=EPSILON, steps=STEPS, random_start=True)(trained, images, labels)
    assert alike(found, expected, images)


def test_the_l2_ball_is_torchattacks(trained: nn.Module, inner: Batch, torchattacks: ModuleType) -> None:
    images, labels = inner
    theirs = torchattacks.PGDL2(trained, eps=1.0, alpha=0.3, steps=STEPS, random_start=False)
    found = TransferBIM(epsilon=1.0, steps=STEPS, step_size=0.3, norm="l2")(trained, images, labels)
    torch.testing.assert_close(images + found, theirs(images, labels), atol=1e-6, rtol=0)


PARTS = [
    {"momentum": 1.0, "nesterov": True},
    {"diversity": 0.7, "momentum": 1.0},
    {"neighbours": 2, "momentum": 1.0, "scales": 2, "smoothing": 3},
    {"random_start": True, "restarts": 3},
    {"norm": "l2", "random_start": True, "epsilon": 1.0},
]


@pytest.mark.parametrize("parts", PARTS)
def test_what_holds_for_all(parts: dict, trained: nn.Module, inner: Batch) -> None:
    images, labels = inner
    attack = TransferBIM(**{"epsilon": EPSILON, "steps": 3, **parts})
    delta = attack(trained, images, labels)
    size = delta.abs().amax((1, 2, 3)) if attack.norm == "linf" else delta.flatten(1).norm(dim=1)
    assert bool((size <= attack.epsilon * (1 + 1e-9)).all())
    alone = torch.cat([attack(trained, images[i : i + 1], labels[i : i + 1]) for i in range(len(images))])
    away = (alone - delta).abs() > 1e-9
    assert float(away.double().mean()) < 0.01  # but for gradients near 0, batches change nothing
    assert torch.equal(delta, attack(trained, images, labels))
    loss = [torch.nn.functional.cross_entropy(trained(x), labels) for x in (images, images + delta)]
    assert loss[1] > loss[0]
    drawn = attack.random_start or attack.neighbours or attack.diversity
    assert torch.equal(attack.for_model(3)(trained, images, labels), delta) == (not drawn)
    seen = 0

    def counted(x: Tensor) -> Tensor:
        nonlocal seen
        seen += 1
        return trained(x)

    attack(counted, images, labels)
    assert seen == attack.gradients + (attack.restarts if attack.restarts > 1 else 0)


def test_more_starts_are_no_weaker(trained: nn.Module, inner: Batch) -> None:
    images, labels = inner
    attack = TransferBIM(epsilon=EPSILON, steps=2, random_start=True)

    def loss(attack: TransferBIM) -> Tensor:
        logits = trained(images + attack(trained, images, labels))
        return torch.nn.functional.cross_entropy(logits, labels, reduction="none")

    assert bool((loss(replace(attack, restarts=4)) >= loss(attack) - 1e-9).all())


def test_clip_keeps_the_picture_inside(trained: nn.Module, batch: Batch) -> None:
    images, labels = batch
    delta = TransferBIM(epsilon=0.2, steps=3, clip=(0, 1), random_start=True)(trained, images, labels)
    assert float((images + delta).min()) >= 0
    assert float((images + delta).max()) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"smoothing": 4}, "odd"),
        ({"nesterov": True}, "momentum above 0"),
        ({"restarts": 2}, "random_start"),
        ({"diversity": 1.5}, "at most 1"),
        ({"norm": "l1"}, "linf or l2"),
        ({"clip": (1, 0)}, "lower and a higher"),
        ({"epsilon": 0}, "above 0"),
        ({"neighbours": -1}, "0 or more"),
    ],
)
def test_wrong_parameters_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransferBIM(**{"epsilon": 0.1, **wrong})
