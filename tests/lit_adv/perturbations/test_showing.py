"""Ways of showing: each step by itself, and none of them knows the image."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.perturbations.rendering import as_picture
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.showing import LUMINANCE, WAYS, Way, altered, picture, titled, ways

EVERY = torch.arange(3)


def a_set(data: str = "cifar10", groups: bool = True, targeted: bool = False) -> PerturbationSet:
    """Three images, six models of two copies: they agree in the left half, in the right each has its own."""
    side, channels = (28, 1) if data == "mnist" else (32, 3)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, channels, side, side, generator=generator)
    label = torch.arange(3)
    shared = torch.randn(image.shape, generator=generator)
    shared[..., side // 2 :] = 0
    plan = WorkPlan(models=6, images=3, copies=2, batch_size=3)
    sums = RunSums(plan, tuple(image.shape[1:]), Cells(6, 2, 0, groups=3), "none", 40)
    for number, (model, copy) in enumerate(torch.cartesian_prod(torch.arange(6), torch.arange(2)).tolist()):
        own = torch.randn(image.shape, generator=generator)
        own[..., : side // 2] *= 0.1
        batch = ReplicaBatch(number, model, 1, label, torch.full_like(label, copy), image, image, label, None)
        sums.add(batch, 1e-3 * (shared + own))
    kept = sums.kept(range(6))
    return PerturbationSet(
        perturbation=kept.overall().mean(), image=image, label=label, count=torch.full((3,), 12),
        target=(label + 1) % 3 if targeted else None, sums=kept if groups else None,
        manifest=Manifest(setting="NMM", attack=AttackRecord("Gradient"), data=DataRecord(data), copies=2),
    )  # fmt: skip


def luminance(delta: Tensor) -> Tensor:
    return (delta * torch.tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)


@pytest.mark.parametrize("targeted", [False, True])
def test_the_thesis_s_way_is_as_it_was(targeted: bool) -> None:
    found = a_set(targeted=targeted)
    index = torch.tensor([2, 0])
    assert torch.equal(picture(found, index, Way()), as_picture(found, index))
    assert torch.equal(altered(found, index, Way()), found.perturbation[index])


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("data", ["mnist", "cifar10"])
def test_no_way_knows_the_image_or_the_scale(name: str, data: str) -> None:
    found = a_set(data)
    other = replace(found, image=1 - found.image, label=found.label.flip(0))
    way = ways(found, [name])[name]
    assert ways(other, [name])[name] == way
    shown = picture(found, EVERY, way)
    assert torch.equal(picture(other, EVERY, way), shown)
    larger = replace(found, perturbation=found.perturbation * 1e3)
    assert torch.allclose(picture(larger, EVERY, way), shown, atol=1e-4)
    assert shown.isfinite().all()


@pytest.mark.parametrize("name", WAYS)
def test_every_image_is_shown_by_itself(name: str) -> None:
    found = a_set()
    way = ways(found, [name])[name]
    assert torch.equal(picture(found, torch.tensor([1]), way)[0], picture(found, EVERY, way)[1])


def test_percentiles_are_black_and_white() -> None:
    found = a_set()
    shown = picture(found, EVERY, Way(percentiles=True))
    assert shown.amin((1, 2, 3)).tolist() == [0, 0, 0]
    assert shown.amax((1, 2, 3)).tolist() == [1, 1, 1]
    for end in (0, 1):
        assert float((shown == end).double().mean()) == pytest.approx(0.01, abs=0.001)
    inside = (shown > 0) & (shown < 1)
    assert torch.corrcoef(torch.stack([shown[0][inside[0]], -found.perturbation[0][inside[0]]]))[0, 1] > 0.9999


def test_agreement_keeps_what_models_share() -> None:
    found = a_set()
    left = altered(found, EVERY, Way(agreement=True)) / found.perturbation
    assert left[..., :12].min() > 0.8
    assert left[..., 20:].mean() < 0.2
    assert left.min() >= 0
    assert left.max() <= 1


def test_luminance_is_grey_and_mnist_has_it_already() -> None:
    found, way = a_set(), Way(luminance=True)
    assert torch.allclose(altered(found, EVERY, way), luminance(found.perturbation).expand(-1, 3, -1, -1), atol=1e-9)
    shown = picture(found, EVERY, way)
    assert shown.shape == (3, 1, 32, 32)
    mean = float((torch.tensor(LUMINANCE) * torch.tensor(found.data_set.mean)).sum())
    assert shown.mean((1, 2, 3)).tolist() == pytest.approx([mean] * 3, abs=1e-4)
    digits = a_set("mnist")
    assert torch.allclose(picture(digits, EVERY, way), as_picture(digits, EVERY), atol=1e-6)


def test_a_blur_goes_before_the_scale() -> None:
    found = a_set()
    shown = picture(found, EVERY, Way(blur=2.0))
    std = torch.tensor(found.data_set.std).expand(3, 3)
    assert torch.allclose(shown.std((2, 3), correction=0), std, atol=1e-4)
    assert shown.diff(dim=-1).abs().mean() < as_picture(found, EVERY).diff(dim=-1).abs().mean() / 3


def test_targeted_stays_grey_where_it_is_nothing() -> None:
    found = a_set(targeted=True)
    found.perturbation[..., 0, 0] = 0
    for way in (Way(), Way(percentiles=True), Way(luminance=True, percentiles=True)):
        corner = picture(found, EVERY, way)[..., 0, 0]
        assert torch.allclose(corner, torch.full_like(corner, 0.5), atol=1e-6)


def test_nothing_is_grey() -> None:
    found = a_set(groups=False)
    found = replace(found, perturbation=torch.zeros_like(found.perturbation))
    for name, way in ways(found).items():
        shown = picture(found, EVERY, way)
        assert float(shown.std((2, 3), correction=0).max()) == 0, name
        assert 0.1 < float(shown.min()) <= float(shown.max()) < 0.9


def test_sets_without_groups() -> None:
    found = a_set(groups=False)
    known = ways(found)
    assert list(known) == [name for name in WAYS if name != "agreement"]
    assert titled("best", known["best"]) == "best: luminance, blur 0.21 px, percentiles"
    assert titled("blur", known["blur"]) == "blur 0.21 px"
    with pytest.raises(InputError, match="keeps no groups"):
        ways(found, ["agreement"])


def test_other_ways_are_refused() -> None:
    with pytest.raises(InputError, match="no way of showing 'sharp'; choose from thesis, percentiles"):
        ways(a_set(), ["thesis", "sharp"])
