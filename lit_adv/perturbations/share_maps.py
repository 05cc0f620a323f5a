"""Where all models agree, where each has its own, and where it is noise: the shares S, A and E of each pixel."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_adv.perturbations.grouped_sums import GroupedSums
from lit_adv.perturbations.variance_shares import Scalars


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
    first, within = of_groups.sum(1), (of_groups**2).sum(1)
    c1, c2, between = (
        torch.from_numpy(values).view(-1, 1, 1, 1) for values in (first, second.sum(1), first**2 - within)
    )
    known = between > 1e-9 * c1**2
    between, c2 = torch.where(known, between, 1), torch.where(known, c2, 1)
    total = sums.total.sum(0)
    common = (total**2 - (sums.total**2).sum(0)) / (n**2 * between) * known
    own = (total**2 / n**2 - common * c1**2) / c2 * known
    if n == 1:
        return ShareMaps(common=common, model=own, copy=None)
    everything = sums.squares / (n * c2) * known
    copy = (everything - common - own) * n / (n - 1)
    return ShareMaps(common=common, model=own - copy / n, copy=copy)
