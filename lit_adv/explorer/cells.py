"""Averages over the first m models and n copies of a run, in eight bits a pixel, for a page."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_adv.data_sets import DataSet
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.share_maps import agreement
from lit_adv.perturbations.showing import luminance_weights

LEVELS: Final = 127
"""Steps from 0 to the largest magnitude that is kept."""
REACH: Final = 4.0
"""Standard deviations at which an untargeted δ is cut off; the thesis's scaling cuts off two or fewer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The averages of one run, for some images: M numbers of models, K numbers of copies.

    Attributes:
        models: the numbers m, ascending.
        copies: the numbers n, ascending.
        steps: `[M, K, N, C, H, W]` int8, δ in units of `unit`; large pictures in luminance, C = 1.
        unit: `[M, K, N]` float64.
        weight: `[N, H, W]` uint8, how far the models of the whole run agree, in units of 1/255; None where it keeps no
            groups.
        mean: of the pictures as the thesis shows them, one for each channel.
        std: likewise.
    """

    models: tuple[int, ...]
    copies: tuple[int, ...]
    steps: NDArray[np.int8]
    unit: NDArray[np.float64]
    weight: NDArray[np.uint8] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, found: PerturbationSet, index: Tensor, averages: Mapping[tuple[int, int], Tensor]) -> "Cells":
        """Rounds a run's averages.

        Args:
            found: the run's set.
            index: positions `[N]` of images.
            averages: their `first_averages`.
        """
        part = found.subset(index)
        models, copies = sorted({m for m, _ in averages}), sorted({n for _, n in averages})
        grey, targeted = found.data_set.is_large, found.target is not None
        quantised = [[in_steps(as_kept(averages[m, n], grey), targeted) for n in copies] for m in models]
        weight = None
        if part.groups:
            trust = torch.cat([agreement(part.grouped(slice(i, i + 1)))[:, 0] for i in range(len(index))])
            weight = (trust * 255).round().to(torch.uint8).numpy()
        mean, std = shown_statistics(found.data_set, grey)
        return cls(
            models=tuple(models),
            copies=tuple(copies),
            steps=np.stack([np.stack([steps for steps, _ in row]) for row in quantised]),
            unit=np.stack([np.stack([unit for _, unit in row]) for row in quantised]),
            weight=weight,
            mean=mean,
            std=std,
        )

    def restored(self) -> Tensor:
        """Returns δ as the page has it, `[M, K, N, C, H, W]` float64."""
        return torch.from_numpy(self.steps.astype(np.float64) * self.unit[..., None, None, None])

    def packed(self) -> dict[str, object]:
        """Returns the values that the page reads."""
        return {
            "models": self.models,
            "copies": self.copies,
            "shape": self.steps.shape[2:],
            "steps": encoded(self.steps),
            "unit": [[[float(f"{u:.7g}") for u in cell] for cell in row] for row in self.unit],
            "weight": None if self.weight is None else encoded(self.weight),
            "mean": self.mean,
            "std": self.std,
        }


def first_averages(found: PerturbationSet, index: Tensor) -> dict[tuple[int, int], Tensor]:
    """Returns the average `[N, C, H, W]` over the first m models and n copies of a run, by (m, n).

    Args:
        found: the run's set.
        index: positions `[N]` of images.

    Raises:
        InputError: it keeps no growth.
    """
    kept = found.subset(index).kept
    if kept is None or not kept.cells.growth:
        raise InputError(f"{found.name} was made without --growth; make it again with it")
    every = {(m, n): kept.averages(m, n)[:1] for m, n in kept.sizes()}
    return {size: first for size, averages in every.items() for first in averages}


def as_kept(delta: Tensor, grey: bool) -> Tensor:
    """Returns δ `[N, C, H, W]` float64, or where it is to be grey its luminance `[N, 1, H, W]`."""
    delta = delta.double()
    weights = luminance_weights(delta.shape[1]).to(delta).view(1, -1, 1, 1)
    return (delta * weights).sum(1, keepdim=True) if grey else delta


def in_steps(delta: Tensor, targeted: bool) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Rounds each δ of `[N, C, H, W]` to 255 values, an untargeted one cut off at `REACH` standard deviations.

    Returns:
        The steps, and the size of a step `[N]`.
    """
    peak = delta.abs().amax((1, 2, 3))
    reach = peak if targeted else torch.minimum(peak, REACH * delta.std((1, 2, 3), correction=0))
    unit = torch.where(reach > 0, reach / LEVELS, 1.0)
    unit = torch.tensor([float(f"{u:.7g}") for u in unit.tolist()], dtype=torch.float64)  # as the page reads it
    steps = (delta / unit.view(-1, 1, 1, 1)).round().clamp(-LEVELS, LEVELS)
    return steps.to(torch.int8).numpy(), unit.numpy()


def shown_statistics(data: DataSet, grey: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the pictures as the thesis shows them; of their luminance, where it is grey."""
    if not grey:
        return tuple(data.mean), tuple(data.std)
    weights = luminance_weights(len(data.mean)).double()
    mean, std = ((weights * torch.tensor(values).double()).sum().item() for values in (data.mean, data.std))
    return (mean,), (std,)


def encoded(values: NDArray[np.int8] | NDArray[np.uint8]) -> str:
    """Returns bytes as text in base64."""
    return b64encode(np.ascontiguousarray(values).tobytes()).decode()
