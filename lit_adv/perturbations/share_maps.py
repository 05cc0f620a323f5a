"""Where all models agree, where each has its own, and where it is noise: the shares S, A and E of each pixel."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.variance_shares import Floats, Scalars, copies_apart, solved


@dataclass(frozen=True, kw_only=True)
class ShareMaps:
    """The parts of each pixel in the shares of `lit_adv.perturbations.variance_shares`, which are their sums.

    Estimates without bias: pixels with little may be below 0.

    Attributes:
        common: S `[N, C, H, W]` float64.
        model: A; from one copy A and E together.
        copy: E; None from one copy.
    """

    common: Tensor
    model: Tensor
    copy: Tensor | None


def share_maps(sums: GroupedSums) -> ShareMaps:
    """Returns the maps of images; 0 for an image of which fewer than two groups have perturbations.

    Raises:
        InputError: there are fewer than two groups.
    """
    scalars, n = Scalars.of(sums), sums.copies
    of_groups, second = scalars.group_scales
    first, within, square = (
        values[:, None, None, None] for values in (of_groups.sum(1), (of_groups**2).sum(1), second.sum(1))
    )
    groups = sums.total.numpy()
    total = groups.sum(0)
    found = solved(total**2, (groups**2).sum(0), first, within, square, n)
    common, own = _known(found.common), _known(found.own)
    if n == 1:
        return ShareMaps(common=common, model=own, copy=None)
    there = np.where(square > 0, square, np.nan)
    model, copy = copies_apart(found, n, sums.squares.numpy() / (n * there))
    return ShareMaps(common=common, model=_known(model), copy=_known(copy))


def _known(values: Floats) -> Tensor:
    return torch.from_numpy(np.nan_to_num(values))
