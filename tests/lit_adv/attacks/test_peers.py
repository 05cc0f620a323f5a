"""Every attack against torchattacks or foolbox: 32 digits, the same batch, float64."""

import functools
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from lit_adv.attacks import BIM, CW, DeepFool, Square

Batch = tuple[Tensor, Tensor]
EPSILON = 0.05


@pytest.fixture(scope="module")
def foolbox() -> ModuleType:
    import foolbox

    return foolbox


@pytest.fixture(scope="module")
def torchattacks() -> ModuleType:
    import torchattacks

    return torchattacks


def shifted(labels: Tensor) -> Tensor:
    return (labels + 1) % 10


def relative_l2(found: Tensor, expected: Tensor) -> Tensor:
    return (found - expected).flatten(1).norm(dim=1) / expected.flatten(1).norm(dim=1)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("steps", [1, 10, 50])
def test_bim(
    steps: int, targeted: bool, trained: nn.Module, batch: Batch, foolbox: ModuleType, torchattacks: ModuleType
) -> None:
    """Where ours stands after `steps` steps is seen by the model at the next one, to the last bit."""
    images, labels = batch
    targets = shifted(labels)
    step_size = 2 * EPSILON / steps
    seen: list[Tensor] = []

    def spied(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return trained(x)

    words = {"targets": targets} if targeted else {}
    BIM(epsilon=EPSILON, steps=steps + 1, step_size=step_size)(spied, images, labels, **words)
    ours = seen[steps]
    delta = BIM(epsilon=EPSILON, steps=steps)(trained, images, labels, **words)
    assert torch.allclose(images + delta, ours, atol=1e-12)  # δ is x' − x without the rounding errors of x'
    assert delta.abs().max() <= EPSILON * (1 + 1e-12)

    attack = torchattacks.BIM(trained, eps=EPSILON, alpha=step_size, steps=steps)
    if targeted:
        attack.set_mode_targeted_by_label(quiet=True)
    theirs = attack(images, targets if targeted else labels)
    assert torch.allclose(ours, theirs, atol=1e-9)

    linf = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=step_size, steps=steps)
    criterion = foolbox.criteria.TargetedMisclassification(targets) if targeted else labels
    model = foolbox.PyTorchModel(trained, bounds=(0, 1), device="cpu")
    theirs = linf.run(model, images, criterion, epsilon=EPSILON)
    assert torch.allclose(ours, theirs, atol=1e-9)


def test_deepfool(trained: nn.Module, batch: Batch, foolbox: ModuleType) -> None:
    images, labels = batch
    ours = DeepFool()(trained, images, labels)
    assert (trained(images + ours).argmax(1) != labels).all()
    model = foolbox.PyTorchModel(trained, bounds=(-1000, 1000), device="cpu")
    theirs = foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02).run(model, images, labels)
    error = relative_l2(ours, theirs - images)
    assert error.max() <= 1e-6


@pytest.mark.parametrize("kind", ["untargeted", "targeted", "confident"])
def test_cw(
    kind: str,
    trained: nn.Module,
    batch: Batch,
    foolbox: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In foolbox's tanh space of half-width w a step of lr/w at the middle is one of lr in pixels, Adam's 10⁻⁸ one of
    10⁻⁸/w; it starts at 0.999999 x. Where both do not start and step alike, a ReLU that one of them switches on
    changes its whole perturbation by some percent, more or less often from one trained network to the next.
    """
    labels, targets = batch[1], shifted(batch[1])
    images = 0.999999 * batch[0]
    c, confidence, lr = 20.0, 2.0 if kind == "confident" else 0.0, 0.03
    attack = CW(c=c, confidence=confidence, steps=20, lr=lr)
    ours = attack(trained, images, labels, targets=targets if kind == "targeted" else None)

    width = 1e5
    adam = functools.partial(foolbox.attacks.carlini_wagner.AdamOptimizer, epsilon=1e-8 * width)
    monkeypatch.setattr(foolbox.attacks.carlini_wagner, "AdamOptimizer", adam)
    theirs = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=1, steps=20, stepsize=lr / width, confidence=confidence, initial_const=c, abort_early=False
    ).run(
        foolbox.PyTorchModel(trained, bounds=(-width, width), device="cpu"),
        batch[0],
        foolbox.criteria.TargetedMisclassification(targets) if kind == "targeted" else labels,
    )
    found = theirs.flatten(1).any(1)  # where foolbox finds nothing it returns black images
    assert found.float().mean() >= 0.9
    error = relative_l2(ours[found], (theirs - images)[found])
    assert error.max() <= 1e-9


def test_square(trained: nn.Module, batch: Batch, torchattacks: ModuleType) -> None:
    images, labels = batch
    epsilon, queries = 0.02, 100

    def fooled(adversarial: Tensor) -> float:
        return (trained(adversarial).argmax(1) != labels).float().mean().item()

    shares = []
    for seed in range(8):
        ours = Square(epsilon=epsilon, queries=queries, stripes=True, seed=seed)(trained, images, labels)
        peer = torchattacks.Square(trained, eps=epsilon, n_queries=queries, p_init=0.8, seed=seed)
        shares.append((fooled(images + ours), fooled(peer(images, labels))))
    # Both draw at random: eight draws give each mean a standard error of about 2 points.
    ours_mean, theirs_mean = torch.tensor(shares).mean(0).tolist()
    assert abs(ours_mean - theirs_mean) <= 0.1
    assert 0.2 < theirs_mean < 0.6
