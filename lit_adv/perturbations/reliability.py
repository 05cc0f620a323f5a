"""Reliability of averages: the cosine that is to be expected between two independent ones, without any judge."""

from dataclasses import dataclass
from math import ceil, isfinite, sqrt
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from torch import Tensor

from lit_adv.errors import InputError
from lit_adv.perturbations.grouped_sums import GroupedSums, in_parts
from lit_adv.perturbations.jackknife import jackknife
from lit_adv.perturbations.outlook import TOO_MANY, Outlook, soonest
from lit_adv.perturbations.variance_shares import Floats, Scalars, shares, shares_without
from lit_adv.terminal import counted

if TYPE_CHECKING:
    from lit_adv.perturbations.perturbation_set import PerturbationSet

WANTED: Final = (0.9, 0.95, 0.99)
"""Reliabilities for which it is said what they would take."""


class Grouped(Protocol):
    """What a `PerturbationSet` with groups has."""

    @property
    def image(self) -> Tensor:
        """The images `[N, C, H, W]`."""

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Positions of each group's models; empty where the set keeps no groups."""

    def grouped(self, rows: slice = ..., /) -> GroupedSums:
        """The sums of some images."""


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What a reliability would take.

    Attributes:
        rho: the reliability.
        models: source models with as many copies as the set has; None where no number is enough, or above a million.
        fewest: likewise, were ρ of the set at the upper end of its interval; None where that is not known.
        most: likewise, were it at the lower end; None also where no number would be enough.
        alone: source models with one copy each: the fewest perturbations.
    """

    rho: float
    models: int | None
    fewest: int | None
    most: int | None
    alone: int | None


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How reliable a set's averages are. Its fields are rounded, and fit for JSON.

    Attributes:
        rho: ρ, the cosine that is expected between the set's averages and those over as many other models and copies;
            the mean over the images.
        low: lower end of its 95 % interval, from the models' differences; None from two groups of models.
        high: upper end.
        tenth: the value that a tenth of the images are below.
        common: S, share of a perturbation's square that all models agree on.
        model: A, share that each model has for itself; None from one copy, where it is part of `copy`.
        copy: E, share that each noisy copy has for itself.
        models: m.
        copies: n.
        effective: as many models of equal scale are worth as much.
        images: number of images with perturbations in two groups or more, which all this is of.
        empty: number of other images.
        negative: number of images for which S is estimated below 0: nothing in common is shown.
        needed: what 0.9, 0.95 and 0.99 would take.
    """

    rho: float
    low: float | None
    high: float | None
    tenth: float
    common: float
    model: float | None
    copy: float
    models: int
    copies: int
    effective: float
    images: int
    empty: int
    negative: int
    needed: tuple[Needed, ...]

    @classmethod
    def of(cls, found: Grouped) -> "Reliability | None":
        """Returns that of a set; None where it keeps no two groups, or no two with perturbations of one image."""
        scalars = scalars_of(found)
        return None if scalars is None else cls.from_scalars(scalars)

    @classmethod
    def known(cls, found: "PerturbationSet") -> "Reliability | None":
        """Returns that which stands in a set's manifest, or else what `of` finds."""
        content = found.manifest.reliability
        try:
            fields = dict(content or {})
            return cls(**fields | {"needed": tuple(Needed(**one) for one in fields["needed"])})
        except (KeyError, TypeError):  # there is none, or an older one
            return cls.of(found)

    @classmethod
    def from_scalars(cls, scalars: Scalars) -> "Reliability | None":
        """Returns that of measured scalars; None where no image has perturbations in two groups."""
        whole, models = shares(scalars), scalars.scales.shape[1]
        there = np.isfinite(whole.common)
        if not there.any():
            return None
        each = whole.rho(scalars.effective())
        low, high = interval(scalars)
        mean, outlook = float(each[there].mean()), Outlook.of(scalars)
        own, noise = float(outlook.model.mean()), float(outlook.copy.mean())
        return cls(
            rho=round(mean, 5),
            low=_rounded(low),
            high=_rounded(high),
            tenth=round(float(np.quantile(each[there], 0.1)), 5),
            common=round(float(whole.common[there].mean()), 5),
            model=None if scalars.copies == 1 else round(own, 5),
            copy=round(noise, 5),
            models=models,
            copies=scalars.copies,
            effective=round(float(scalars.effective()[there].mean()), 2),
            images=int(there.sum()),
            empty=int((~there).sum()),
            negative=int((whole.common[there] < 0).sum()),
            needed=tuple(
                Needed(
                    rho=rho,
                    models=(enough := outlook.models_for(rho, scalars.copies)),
                    fewest=_at(enough, mean, high),
                    most=_at(enough, mean, low),
                    alone=outlook.models_for(rho, 1),
                )
                for rho in WANTED
            ),
        )

    def best_copies(self, load: float, perturbation: float, rho: float = 0.95) -> tuple[int, int] | None:
        """Returns the models and copies that reach a reliability soonest.

        Time is m·(load + n·perturbation), and m goes with A + E/n; so n is √(load·E/(perturbation·A)), rounded to the
        better side (the optimal allocation of two-stage sampling; Cochran, Sampling Techniques, 10.6).

        Args:
            load: seconds to load a model.
            perturbation: seconds for one perturbation of each image.
            rho: one of `WANTED`.

        Returns:
            m and n; None from a set with one copy, or where no number is enough.

        Raises:
            InputError: a time is not above 0, or `rho` is none of those.
        """
        if not (load > 0 and perturbation > 0 and isfinite(load) and isfinite(perturbation)):
            raise InputError(f"times are {load} and {perturbation} seconds; give numbers above 0")
        needed = next((one for one in self.needed if one.rho == rho), None)
        if needed is None:
            raise InputError(f"rho is {rho}; it must be one of {', '.join(map(str, WANTED))}")
        if self.model is None or needed.models is None:
            return None
        own, noise = max(self.model, 0.0), max(self.copy, 0.0)
        per_model = (own + noise / self.copies) / needed.models
        most = ceil(noise / per_model) if per_model > 0 else 1  # then one model would do
        best = min(sqrt(load * noise / (perturbation * own)), most) if own > 0 else most

        def models(copies: int) -> int:
            return max(1, ceil((own + noise / copies) / per_model - 1e-9)) if per_model > 0 else 1

        return soonest(models, best, load / perturbation)

    def lines(self) -> list[str]:
        """Says it in plain English."""
        copies = counted(self.copies, "copy", "copies")
        known = "" if self.low is None else f" (95 % interval {self.low:.3f} to {self.high:.3f})"
        lines = [
            f"Reliability: two independent averages over {self.models} models and {copies} are expected to "
            f"have a cosine of {self.rho:.3f}{known}; a tenth of the images below {self.tenth:.3f}."
        ]
        apart = (
            f"one model or one copy {self.copy:.1%}"
            if self.model is None
            else f"one model {self.model:.1%}, one noisy copy {self.copy:.1%}"
        )
        lines.append(f"Of a perturbation's square all models share {self.common:.1%}; {apart}.")
        if self.effective < 0.9 * self.models:
            lines.append(
                f"Large perturbations of some models outweigh the others: the {self.models} are worth "
                f"{self.effective:.1f} of one scale."
            )
        for one in self.needed:
            many = f"more than {TOO_MANY:,} models" if one.models is None else f"{one.models} models"
            if one.models is not None and one.fewest is not None:
                many += f" ({one.fewest} to {one.most})" if one.most else f" ({one.fewest} or more)"
            few = "" if one.alone is None or self.copies == 1 else f", or {one.alone} with one copy"
            lines.append(f"A reliability of {one.rho} would take {many} with {copies} each{few}.")
        if self.negative:
            lines.append(f"For {self.negative} of {self.images} images nothing in common is shown.")
        if self.empty:
            have = counted(self.empty, "image has", "images have")
            lines.append(f"{have} perturbations of one group of models at most, and no reliability.")
        return lines


def rho(sums: GroupedSums) -> Floats:
    """Returns ρ `[N]` of each image: the cosine that is expected with an average over as many other models and copies.

    NaN where fewer than two groups have perturbations.

    Raises:
        InputError: there are fewer than two groups.
    """
    scalars = Scalars.of(sums)
    return shares(scalars).rho(scalars.effective())


def scalars_of(found: Grouped) -> Scalars | None:
    """Returns the scalars of a set, read in parts; None where it keeps no two groups."""
    if len(found.groups) < 2:
        return None
    parts = in_parts(found.grouped, len(found.image), len(found.groups), found.image[0].numel())
    return Scalars.joined(map(Scalars.of, parts))


def lower_bounds(sums: GroupedSums) -> Floats:
    """Returns the lower end `[N]` of the 95 % interval of each image's ρ; −1 where nothing is known.

    Nothing is known with two groups of models, and where perturbations of two groups or fewer are not 0.

    Raises:
        InputError: there are fewer than two groups.
    """
    scalars = Scalars.of(sums)
    whole, without = _of_images(scalars)
    return np.nan_to_num(jackknife(whole, without, _sizes(scalars))[0], nan=-1.0)


def interval(scalars: Scalars, models: int | None = None) -> tuple[float, float]:
    """Returns the 95 % interval of the mean of ρ over the images; NaN where it is not known.

    The images are given, the models a sample: each group of them is left out in turn, for all images at once.

    Args:
        scalars: of the set.
        models: of averages over so many models with as many copies; None for as many as the set has.
    """
    whole, without = _of_images(scalars, models)
    known = np.isfinite(whole) & np.isfinite(without).all(1)
    if not known.any():
        return float("nan"), float("nan")
    centre = np.full(1, whole[np.isfinite(whole)].mean())
    shift = without[known].mean(0) - whole[known].mean()
    low, high = jackknife(centre, np.clip(centre + shift, -1, 1)[None], _sizes(scalars))
    return float(low[0]), float(high[0])


def _of_images(scalars: Scalars, models: int | None = None) -> tuple[Floats, Floats]:
    """ρ of each image, `[N]`, and without each group in turn, `[N, K]`."""
    effective = scalars.effective(models)
    return shares(scalars).rho(effective), shares_without(scalars).rho(effective[:, None])


def _sizes(scalars: Scalars) -> Floats:
    return np.array([len(group) for group in scalars.models], dtype=np.float64)


def _at(models: int | None, rho: float, other: float) -> int | None:
    """Models that are needed were ρ of the set another one: they go with (1 − ρ)/ρ."""
    if models is None or not (0 < rho < 1 and 0 < other < 1):
        return None
    found = models * (1 - other) / other * rho / (1 - rho)
    return max(1, ceil(found - 1e-9)) if found <= TOO_MANY else None


def _rounded(value: float) -> float | None:
    return round(value, 5) if isfinite(value) else None
