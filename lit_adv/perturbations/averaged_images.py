"""Images and labels that are averaged over: checks, and their description for the manifest."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import torch
from torch import Tensor

from lit_adv.attacks.inputs import own, refuse_misfits
from lit_adv.data_sets import DATA_SETS, IMAGES
from lit_adv.errors import InputError
from lit_adv.logits import first_few, short
from lit_adv.perturbations.replicas import Replicas, refuse_numbers, refuse_outside


def checked(
    images: Tensor,
    labels: Tensor,
    targets: Tensor | None,
    index: Tensor | None,
    *,
    copies: int,
    sigma: float,
    seed: int,
    batch_size: int,
) -> Replicas:
    """Returns copies on the CPU of what a caller hands over, to be averaged over.

    Args:
        images: `[N, C, H, W]` in [0, 1], floating point.
        labels: `[N]` int64.
        targets: `[N]` int64, or None.
        index: `[N]`, numbers of the images, which key the noise; None for 0 to N − 1.
        copies: n, noisy copies of each image.
        sigma: σ, standard deviation of the noise.
        seed: of the noise.
        batch_size: perturbations in a batch.

    Raises:
        InputError: something does not fit, or there is no image; the message names it.
    """
    refuse_misfits(images, labels, targets, None)
    if not len(images):
        raise InputError("there is no image; give at least one")
    if images.shape[1] not in (1, 3):
        raise InputError(f"images have {images.shape[1]} channels; they must have 1 or 3")
    index = torch.arange(len(images), device="cpu") if index is None else index
    if not isinstance(index, Tensor) or index.dtype not in (torch.int32, torch.int64) or index.shape != labels.shape:
        kind = f"{short(index.dtype)} {list(index.shape)}" if isinstance(index, Tensor) else type(index).__name__
        raise InputError(f"index is {kind}; give one whole number for each image, int64 [{len(labels)}]")
    index = index.detach().cpu()
    if (index < 0).any():
        raise InputError(f"index reaches down to {int(index.min())}; give numbers of 0 or more")
    refuse_numbers(copies=copies, sigma=sigma, seed=seed, batch_size=batch_size)
    refuse_outside(images.detach().cpu(), index)
    image, label, target = (None if given is None else own(given).cpu().clone() for given in (images, labels, targets))
    assert image is not None
    assert label is not None
    return Replicas(images=image, labels=label, targets=target, index=index, sigma=float(sigma), seed=seed)


def refuse_labels(labels: Tensor, targets: Tensor | None, classes: int) -> None:
    """Refuses labels and targets that models of so many classes cannot give.

    Args:
        labels: `[N]`.
        targets: `[N]`, or None.
        classes: K, number of the models' logits.

    Raises:
        InputError: one is K or more; the message says whether they seem to be counted from 1.
    """
    for name, given in (("labels", labels), ("targets", targets)):
        if given is None or not (rows := (given >= classes).nonzero()[:, 0].tolist()):
            continue
        values = sorted({int(given[row]) for row in rows})
        from_one = int(given.min()) >= 1 and int(given.max()) == classes
        hint = f"; they seem to be counted from 1: give {name} - 1" if from_one else ""
        raise InputError(
            f"{name} hold {first_few(values)} (image {rows[0]}), the models know classes 0 to {classes - 1}{hint}"
        )


def data_described(
    replicas: Replicas, data: str | None, class_names: Sequence[str] | None, classes: int
) -> dict[str, Any]:
    """Returns name and details of the data set for the manifest.

    Args:
        replicas: the images.
        data: name of a known data set; None for own images.
        class_names: names of the classes of own images; None for their numbers.
        classes: K, number of the models' logits.

    Raises:
        InputError: the data set has other classes or images, or there are other names than classes.
    """
    shape = list(replicas.images.shape[1:])
    targets = None if replicas.targets is None else _by_label(replicas.labels.tolist(), replicas.targets.tolist())
    if data is not None:
        known = DATA_SETS[data]
        if (list(known.image_shape), known.classes) != (shape, classes) or class_names is not None:
            raise InputError(
                f"data {data} has images {list(known.image_shape)} of {known.classes} classes with names of its own, "
                f"these are {shape} of {classes}; leave data or class_names out"
            )
        return {"name": data, "targets": targets}
    if isinstance(class_names, (str, Set, Mapping)):
        raise InputError(f"class_names is a {type(class_names).__name__}; give a list of names in the classes' order")
    names = list(map(str, range(classes) if class_names is None else class_names))
    if len(names) != classes:
        raise InputError(f"class_names has {len(names)} names, the models have {classes} classes")
    std, mean = torch.std_mean(replicas.images.double(), dim=(0, 2, 3), correction=0)
    return {
        "name": IMAGES,
        "image_shape": shape,
        "classes": names,
        "mean": [round(value, 6) for value in mean.tolist()],
        "std": [round(value, 6) for value in std.tolist()],
        "targets": targets,
    }


def _by_label(labels: list[int], targets: list[int]) -> dict[str, int] | list[int]:
    """Returns the target of each label, as configurations have it; of each image where that is not enough."""
    by_label = {str(label): target for label, target in zip(labels, targets, strict=True)}
    return by_label if [by_label[str(label)] for label in labels] == targets else targets
