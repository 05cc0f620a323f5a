"""Everything that a figure is made from: perturbation sets, test models, masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from lit_adv.attacks.attack import Model
from lit_adv.data_sets import IMAGES, DataSet
from lit_adv.errors import InputError
from lit_adv.evaluation.masks import BACKGROUND, OBJECT, ink_mask, read_masks
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.reproduce.judges import Judges
from lit_adv.reproduce.set_name import SetName
from lit_adv.reproduce.sets import Sets

RESIZE: Final = 256
"""Length of the shorter side that ImageNet's photographs are given, in pixels."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FigureInputs:
    """Perturbation sets by name, and who judges them; each is loaded, or made, when a figure first asks for it.

    Attributes:
        sets: the sets' folders.
        judges: the test models.
        masks: folder of the images' masks; None where the data set needs none.
        restricted: sets that stand for those of their names, with fewer images.
    """

    sets: Sets
    judges: Judges
    masks: Path | None = None
    restricted: Mapping[SetName, PerturbationSet] = field(default_factory=dict)
    _loaded: dict[SetName, PerturbationSet] = field(default_factory=dict, init=False, repr=False)
    _answers: dict[SetName, dict[str, Tensor]] = field(default_factory=dict, init=False, repr=False)
    _shared: dict[frozenset[SetName], "FigureInputs"] = field(default_factory=dict, init=False, repr=False)

    @property
    def data(self) -> DataSet:
        """The data set; of own images what the first set says, once one is loaded."""
        loaded = next(iter((self.restricted or self._loaded).values()), None)
        return self.sets.data if loaded is None or self.sets.data.name != IMAGES else loaded.data_set

    def is_loaded(self, name: SetName) -> bool:
        """Returns whether a set is in memory."""
        return name in self._loaded or name in self.restricted

    def perturbations(self, name: SetName) -> PerturbationSet:
        """Returns a set; errors as those of `Sets.load`."""
        if name in self.restricted:
            return self.restricted[name]
        if name not in self._loaded:
            self._loaded[name] = self.sets.load(name, self.judges.zoo)
        return self._loaded[name]

    def all_of(self, names: Sequence[SetName]) -> list[PerturbationSet]:
        """Returns several sets; see `perturbations`."""
        return [self.perturbations(name) for name in names]

    def evaluation(self, name: SetName) -> Evaluation:
        """Returns a set's evaluation by the test models; one that is missing is made, kept and printed."""
        perturbations, path = self.perturbations(name), self.sets.folder(name) / EVALUATION
        if path.is_file() and self.judges.made(found := Evaluation.load(path), perturbations):
            return found
        evaluation = self.judges.evaluate(perturbations)
        evaluation.save(path)
        evaluation.table().print()
        return evaluation

    def answers(self, name: SetName) -> dict[str, Tensor]:
        """Returns the classes `[N]` that each test model gives a set's perturbations."""
        if name not in self._answers:
            self._answers[name] = self.judges.answers(self.perturbations(name))
        return self._answers[name]

    def held_out(self, name: SetName) -> dict[str, Model]:
        """Returns the test models by name that are no source models of a set.

        Raises:
            InputError: there is none.
        """
        perturbations, known = self.perturbations(name), self.judges
        found = {judge: model for judge, model in known.models.items() if not known.is_white_box(perturbations, judge)}
        if not found:
            raise InputError(f"every test model of zoo {known.path} is among the sources of {self.sets.folder(name)}")
        return found

    def masked(self, perturbations: PerturbationSet) -> tuple[Tensor, Tensor]:
        """Returns positions `[n]` of a set's images whose mask has both object and background, and masks `[n, H, W]`.

        Raises:
            InputError: there is no such image.
        """
        if self.data.object_from == "ink":
            index, mask = torch.arange(len(perturbations.label)), ink_mask(perturbations.image)
        else:
            assert self.masks is not None
            data = perturbations.manifest.data
            turn, resize = bool(data.details.get("turn")), data.details.get("resize", RESIZE)
            crop = perturbations.image.shape[-1]
            found = read_masks(data.files, self.sets.image_folder(), self.masks, turn, resize, crop)
            index, mask = torch.tensor(list(found)), torch.stack(list(found.values()))
        both = torch.stack([(mask == part).any(2).any(1) for part in (OBJECT, BACKGROUND)]).all(0)
        if not both.any():
            raise InputError("no image of the set has a mask with both object and background")
        return index[both], mask[both]

    def on_shared_images(self, names: Sequence[SetName]) -> "FigureInputs":
        """Restricts sets to the images that they share; returns the same object if they share all.

        Raises:
            InputError: they share none.
        """
        key = frozenset(names)
        if key not in self._shared:
            self._shared[key] = self._restricted_to_shared(names)
        return self._shared[key]

    def _restricted_to_shared(self, names: Sequence[SetName]) -> "FigureInputs":
        sets = self.all_of(names)
        if all(torch.equal(one.image, sets[0].image) for one in sets):
            return self
        positions = [{image.numpy().tobytes(): index for index, image in enumerate(one.image)} for one in sets]
        shared = [image for image in positions[0] if all(image in position for position in positions)]
        if not shared:
            listed = ", ".join(map(str, names))
            raise InputError(f"the sets {listed} in {self.sets.out / 'sets'} have no image in common; delete some")
        parts = {
            name: one.subset(torch.tensor([position[image] for image in shared]))
            for name, one, position in zip(names, sets, positions, strict=True)
        }
        return replace(self, restricted=parts)
