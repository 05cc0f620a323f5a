"""Everyone judges, nobody their own: the average that a judge is shown has no part that the judge helped to make.

One judge is a lottery: of ten digit networks that judged the average of the other nine, one recognized 39 % and another
66 %. Source models make many judges where each is shown the average without its own group of models (`--groups` of
`lit-adv predict`), which costs no attack. So are the models of a zoo that a set of one model did not use.
"""

from dataclasses import dataclass

from lit_adv.perturbations.perturbation_set import PerturbationSet


@dataclass(frozen=True)
class Shown:
    """What one judge is shown.

    Attributes:
        perturbations: the set, without the judge's own group where the set keeps groups.
        white_box: whether the judge is a source model of it.
        without: number of source models that are left out, the judge among them; 0 for the whole average.
    """

    perturbations: PerturbationSet
    white_box: bool
    without: int


class Averages:
    """Averages of one set for judges to see; the last one without a group stays in memory.

    Args:
        perturbations: the set.
    """

    def __init__(self, perturbations: PerturbationSet) -> None:
        self._whole = perturbations
        self._groups = perturbations.groups
        self._attacked = [source.attacked for source in perturbations.manifest.sources]
        self._last: tuple[int, PerturbationSet] | None = None

    def is_source(self, checksum: str) -> bool:
        """Returns whether a model of these weights was attacked for the set, by itself or in an ensemble."""
        return bool(checksum) and any(checksum in attacked for attacked in self._attacked)

    def group(self, checksum: str) -> int | None:
        """Returns the one group that has a source model of these weights; None if none has, or several."""
        own = {place for place, attacked in enumerate(self._attacked) if checksum and checksum in attacked}
        found = [number for number, places in enumerate(self._groups) if own & set(places)]
        return found[0] if len(found) == 1 else None

    def shown_as_white_box(self, checksum: str) -> bool:
        """Returns whether the judge of these weights helped to make what it is shown."""
        return self.is_source(checksum) and self.group(checksum) is None

    def shown(self, checksum: str) -> Shown:
        """Returns what the judge of these weights is shown."""
        if (group := self.group(checksum)) is None:
            return Shown(self._whole, self.shown_as_white_box(checksum), 0)
        if self._last is None or self._last[0] != group:
            self._last = None
            self._last = group, self._whole.without(group)
        return Shown(self._last[1], False, len(self._groups[group]))
