"""Each attack on another device, in each form of the source models: on the simulated device with the CPU's bits."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from datamodules.claims import BatchClaim
from datamodules.labelled import Labelled
from datamodules.mnist import CLASSES
from datamodules.replicas import ReplicaDataset
from datamodules.selection import first_per_class, with_targets
from lit_adv.attack_module import AttackModule
from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square
from lit_adv.attacks.calibration import calibration
from lit_adv.errors import InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from tests.second_device.comparison import agree
from tests.second_device.device import NAME

ATTACKS = [
    BIM(epsilon=0.2, steps=3, clip=(0.0, 1.0)),
    CW(steps=3),
    DeepFool(steps=2, top_k=3),
    Square(epsilon=0.2, queries=5, stripes=True),
    Gradient(),
]
CASES = [
    pytest.param(attack, targeted, id=f"{type(attack).__name__}-{'targeted' if targeted else 'untargeted'}")
    for attack in ATTACKS
    for targeted in (False, True)[: 1 if isinstance(attack, DeepFool) else 2]
]
FORMS = {
    "exact": {"exact": True},
    "fast": {},
    "stacked": {},
    "bf16": {"precision": "bf16"},
}


def batches(digits: Labelled, sigma: float, *, targeted: bool = False, stacked: int = 1) -> Iterator[ReplicaBatch]:
    """Ten digits on grey speckles, for each of two source models."""
    selection = first_per_class(digits.test_images, digits.test_labels, 1, CLASSES)
    speckles = torch.rand(selection.images.shape, generator=torch.Generator().manual_seed(0))
    selection = replace(selection, images=0.2 * speckles + 0.8 * selection.images)
    if targeted:
        selection = with_targets(selection, {c: (c + 1) % 10 for c in range(10)}, CLASSES)
    plan = WorkPlan(models=2, images=10, copies=2 if sigma else 1, batch_size=20, stacked=stacked)
    dataset = ReplicaDataset(plan, selection, sigma, seed=0)
    for number in range(len(plan)):
        yield dataset[BatchClaim(number, None)]


def perturbations(module: AttackModule, batch: ReplicaBatch, device: torch.device) -> Tensor:
    return module.to(device).predict_step(module.transfer_batch_to_device(batch, device, 0))


@pytest.fixture
def in_float64(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    """The images' dtype: float64 on CUDA, where signs of float32 gradients near 0 differ."""
    if device.type == NAME:
        return torch.float32
    load = ModelSpec.load
    monkeypatch.setattr(ModelSpec, "load", lambda self: load(self).double())
    return torch.float64


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("attack", "targeted"), CASES)
def test_as_on_the_cpu(
    zoo: Zoo,
    digits: Labelled,
    device: torch.device,
    in_float64: torch.dtype,
    attack: Attack,
    targeted: bool,
    form: str,
) -> None:
    if form == "stacked" and not attack.keeps_batch_order:
        pytest.skip(f"{type(attack).__name__} cannot be stacked")
    if form == "bf16" and in_float64 == torch.float64:
        pytest.skip("bfloat16 differs between devices")
    here, there = (AttackModule(zoo.path, attack, **FORMS[form]) for _ in range(2))  # type: ignore[arg-type]
    for sigma in (0.0, 0.2):
        batch = next(batches(digits, sigma, targeted=targeted, stacked=2 if form == "stacked" else 1))
        batch = batch._replace(clean=batch.clean.to(in_float64), noisy=batch.noisy.to(in_float64))
        found = perturbations(there, batch, device)
        assert found.device == device
        assert found.any()
        assert agree(found, perturbations(here, batch, torch.device("cpu")), device)


def test_bfloat16_where_bits_may_differ(zoo: Zoo, digits: Labelled, device: torch.device) -> None:
    """The same perturbation as in float32 on the same device, nearly."""
    batch = next(batches(digits, 0.2))
    both = [
        perturbations(AttackModule(zoo.path, Gradient(), **FORMS[form]), batch, device)  # type: ignore[arg-type]
        for form in ("fast", "bf16")
    ]
    full, reduced = (one.cpu().flatten(1) for one in both)
    assert torch.nn.functional.cosine_similarity(full, reduced).median() > 0.9


@pytest.mark.parametrize(("attack", "targeted"), CASES)
def test_by_hand(zoo: Zoo, digits: Labelled, widths: str, device: torch.device, attack: Attack, targeted: bool) -> None:
    """With and without float64 on the device, which then computes in float32."""
    model = zoo.sources[0].load()
    batch = next(batches(digits, 0.2, targeted=targeted))
    expected = attack(
        model, batch.noisy, batch.label, targets=batch.target, calibration=calibration(model, batch.clean, batch.noisy)
    )
    model.to(device)
    clean, noisy, label = (x.to(device) for x in (batch.clean, batch.noisy, batch.label))
    target = None if batch.target is None else batch.target.to(device)
    calib = calibration(model, clean, noisy)
    assert calib.device == device
    assert calib.dtype == (torch.float64 if widths == "float64" else torch.float32)
    found = attack(model, noisy, label, targets=target, calibration=calib)
    assert found.device == device
    assert found.dtype == torch.float32
    assert agree(found, expected, device, bits=widths == "float64")
    of_the_cpu = attack(model, noisy, batch.label, targets=batch.target, calibration=calib.cpu().double())
    assert agree(of_the_cpu, found.cpu(), device)  # labels, targets and calibration follow the images
    assert agree(model(clean), (model(noisy) + calib).float().cpu(), device, bits=False)  # Eq. 4.2


ATTEMPTS: dict[str, Callable[[nn.Module, Tensor, Tensor], Tensor]] = {
    **{
        type(attack).__name__: lambda model, images, labels, attack=attack: attack(model, images, labels)
        for attack in ATTACKS
    },
    "a function": lambda model, images, labels: ATTACKS[0](lambda x: model(x), images, labels),
    "calibration": lambda model, images, labels: calibration(model, images, images + 0.1),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("model_moves", [True, False])
def test_images_and_model_on_two_devices(zoo: Zoo, device: torch.device, attempt: str, model_moves: bool) -> None:
    """One line that names both devices, and nothing is moved."""
    model, images, labels = zoo.sources[0].load(), torch.rand(2, 1, 28, 28), torch.tensor([1, 2])
    if model_moves:
        model.to(device)
    else:
        images, labels = images.to(device), labels.to(device)
    places = {"images": images.device, "model": next(model.parameters()).device}
    with pytest.raises(InputError) as caught:
        ATTEMPTS[attempt](model, images, labels)
    expected = "the images are on {images}, the model on {model}; move one of them".format(**places)
    assert str(caught.value) == expected
    assert (images.device, next(model.parameters()).device) == tuple(places.values())


def test_logits_on_another_device(zoo: Zoo, device: torch.device) -> None:
    model = zoo.sources[0].load()
    with pytest.raises(InputError, match=f"the model gives logits on {device} for images on cpu; move one of them"):
        Gradient()(lambda x: model(x).to(device), torch.rand(1, 1, 28, 28), torch.tensor([1]))


def test_a_data_parallel_model(zoo: Zoo, digits: Labelled, device: torch.device) -> None:
    if device.type == NAME:
        pytest.skip("torch gathers from CUDA only")
    model = zoo.sources[0].load().to(device)
    batch = next(batches(digits, 0.0))
    noisy, label = batch.noisy.to(device), batch.label.to(device)
    found = Gradient()(nn.DataParallel(model).eval(), noisy, label)
    assert agree(found, Gradient()(model, noisy, label).cpu(), device)
