"""The manifest of a run when it begins, with everything that its perturbations depend on, and when it ends."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

import lit_adv
from lit_adv.arithmetic import arithmetic
from lit_adv.attacks import Attack
from lit_adv.perturbations.cells import Cells
from lit_adv.perturbations.manifest import AttackRecord, DataRecord, Manifest, Weight, setting, versions
from lit_adv.perturbations.source_records import SourceRecord


def begun(
    *,
    attack: Attack,
    sources: Sequence[SourceRecord],
    exact: bool,
    precision: str,
    data: DataRecord,
    copies: int,
    sigma: float,
    seed: int,
    batch_size: int,
    stacked: int,
    weight: Weight,
    cells: Cells,
    until: Mapping[str, Any] | None = None,
    device: torch.device,
) -> Manifest:
    """Returns the manifest, with values as they are read back from JSON.

    Args:
        attack: attack of the run.
        sources: source models.
        exact: whether the models themselves are attacked, in place of their fast forms.
        precision: `float32` or `bf16`.
        data: images of the run.
        copies: n, noisy copies of an image for each model.
        sigma: σ, standard deviation of the noise.
        seed: of the noise.
        batch_size: pairs (image, copy) in a batch.
        stacked: models that share a batch.
        weight: how perturbations are weighted.
        cells: cells of the sums.
        until: what a run may take that stops when it is reliable enough, see `Manifest`.
        device: device of the models.
    """
    run = Manifest(
        setting=setting(len(sources), sigma),
        attack=AttackRecord(type(attack).__name__, vars(attack)),
        exact=exact,
        precision=precision,
        fraction_bits=attack.fraction_bits,
        sources=tuple(sources),
        data=data,
        copies=copies,
        sigma=sigma,
        seed=seed,
        batch_size=batch_size,
        stacked=stacked,
        weight=weight,
        groups=cells.groups,
        growth=cells.growth,
        until=until,
        device=device.type,
        torch=torch.__version__,
        arithmetic=arithmetic(device),
        versions={"lit-adv": lit_adv.__version__},
    )
    return Manifest.from_json(json.loads(json.dumps(run.to_json())))


def ended(manifest: Manifest, zeros: Mapping[str, int]) -> Manifest:
    """Returns the manifest of a finished run.

    Args:
        manifest: the run's when it began, without models that failed.
        zeros: number of perturbations of each source model that are exactly 0, by its name.
    """
    return replace(
        manifest,
        versions=versions(),
        threads=torch.get_num_threads(),
        zeros={name: count for name, count in zeros.items() if count},
    )


def data_record(described: Mapping[str, Any], index: Tensor, images: Tensor, labels: Tensor) -> DataRecord:
    """Returns the record of a run's images.

    Args:
        described: name and details of the data set.
        index: `[N]` int64, numbers of the images in it.
        images: `[N, C, H, W]`.
        labels: `[N]` int64.
    """
    details = {key: value for key, value in described.items() if key != "name"}
    return DataRecord(described["name"], details, tuple(index.tolist()), images_sha256(images, labels))


def images_sha256(images: Tensor, labels: Tensor) -> str:
    """Returns SHA-256 of the bytes of images `[N, C, H, W]` and labels `[N]`."""
    found = hashlib.sha256(images.cpu().contiguous().flatten().view(torch.uint8).numpy())
    found.update(labels.cpu().contiguous().numpy())
    return found.hexdigest()
