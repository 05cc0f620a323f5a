"""Noise-replicated batches do not depend on how the work is cut or shared."""

import torch

from datamodules.claims import BatchClaim
from datamodules.replicas import ReplicaDataset
from datamodules.selection import Selection
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.plan import WorkPlan

IMAGES = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))
SELECTION = Selection(torch.tensor([3, 14, 15, 92, 65]), IMAGES, torch.tensor([0, 1, 2, 3, 4]))


def batches(batch_size: int, sigma: float = 0.2) -> list[ReplicaBatch]:
    plan = WorkPlan(models=2, images=5, copies=3, batch_size=batch_size)
    dataset = ReplicaDataset(plan, SELECTION, sigma, seed=11)
    return [dataset[BatchClaim(i, None)] for i in range(len(plan))]


def test_any_batch_size_gives_the_same_copies() -> None:
    expected = torch.cat([b.noisy for b in batches(1)])
    assert len(expected) == 30
    for size in (2, 4, 15, 100):
        assert torch.equal(torch.cat([b.noisy for b in batches(size)]), expected)


def test_a_batch_names_the_models_that_probably_follow() -> None:
    dataset = ReplicaDataset(WorkPlan(models=3, images=5, copies=1, batch_size=10, stacked=2), SELECTION, 0.0, seed=0)
    assert dataset[BatchClaim(0, 1)].following == (2, 1)
    assert dataset[BatchClaim(1, 0)].following == (0, 2)
    assert dataset[BatchClaim(1, None)].following is None


def test_clean_images_labels_and_noise() -> None:
    for batch in batches(4):
        assert torch.equal(batch.clean, IMAGES[batch.image])
        assert torch.equal(batch.label, SELECTION.labels[batch.image])
    noise = torch.cat([b.noisy - b.clean for b in batches(4)])
    assert abs(noise.std().item() - 0.2) < 0.02
    assert len({tuple(n.flatten().tolist()) for n in noise}) == 30


def test_no_noise_leaves_the_images_alone() -> None:
    for batch in batches(4, sigma=0.0):
        assert torch.equal(batch.noisy, batch.clean)


def test_noise_belongs_to_the_image_not_to_its_place_in_the_selection() -> None:
    smaller = Selection(SELECTION.index[2:], IMAGES[2:], SELECTION.labels[2:])
    plan = WorkPlan(models=1, images=3, copies=3, batch_size=9)
    found = ReplicaDataset(plan, smaller, 0.2, seed=11)[BatchClaim(0, None)].noisy
    assert torch.equal(found, torch.cat([b.noisy for b in batches(15)])[6:15])
