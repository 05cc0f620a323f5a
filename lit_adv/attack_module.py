"""Lightning shell around source zoo and attack."""

import gc
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import rank_zero_warn
from torch import Tensor

from lit_adv.arithmetic import repeatable
from lit_adv.attacks import Attack
from lit_adv.attacks.precision import widest
from lit_adv.errors import InputError
from lit_adv.logits import BrokenModel, first_few
from lit_adv.models.fast import has_bf16
from lit_adv.models.stack import stackable
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.perturb import perturb_batch, refuse_extremes
from lit_adv.processes import process_number
from lit_adv.terminal import say
from lit_adv.trainer_options import refuse_options
from lit_adv.zoo.loader import ModelLoader
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.remarks import library_inputs
from lit_adv.zoo.zoo import Zoo


class AttackModule(pl.LightningModule):
    """Attacks the source models of a zoo, one planned batch at a time.

    Args:
        zoo: folder or file of the zoo.
        attack: attack that finds the perturbations.
        sources: source models to use: a number, the first of the zoo; names; or `single`, the zoo's model for SM and
            NSM. By default all.
        exact: attack the original networks one at a time, in place of their fast forms.
        precision: `bf16` runs the models in bfloat16; the attack's own arithmetic stays in float32.
        skip_failed: go on without a source model that cannot be loaded, or whose logits or gradients are not finite.
        trust: packages whose code may run, where the zoo names some.

    Attributes:
        stackable: whether a batch may hold the images of several models.
        failed: reason for each skipped source model, by its position.
        seconds_in_attacks: seconds spent in attacks so far.

    Raises:
        InputError: the zoo is empty or lacks these sources, the precision contradicts `exact`, or a parameter of the
            attack is beyond its bounds.
    """

    def __init__(
        self,
        zoo: Path,
        attack: Attack,
        sources: int | Literal["single"] | list[str] | None = None,
        exact: bool = False,
        precision: Literal["float32", "bf16"] = "float32",
        skip_failed: bool = False,
        trust: list[str] | None = None,
    ) -> None:
        super().__init__()
        refuse_extremes(attack)
        self.zoo = Zoo.open(Path(zoo), trust or ())
        if exact and precision != "float32":
            raise InputError(f"exact and precision {precision} contradict each other; leave one of them out")
        self.sources: tuple[ModelSpec, ...] = self.zoo.choose(sources)
        self.attack = attack
        self.exact = exact
        self.model_precision = precision
        self.skip_failed = skip_failed
        self.failed: dict[int, str] = {}
        self.seconds_in_attacks = 0.0
        kinds = {(s.architecture, str(s.arguments), s.size, s.mean, s.std) for s in self.sources}
        with torch.device("meta"):
            plain = len(kinds) == 1 and ":" not in self.sources[0].architecture
            alike = plain and stackable([self.sources[0].prepare(self.sources[0].build())])
        self.stackable = alike and attack.keeps_batch_order and not exact
        self.loader = ModelLoader(self.sources, exact, bf16=precision == "bf16")

    def prepare_data(self) -> None:
        """Downloads and opens every source's weights, in one process, so that a bad file is found before any work.

        Raises:
            InputError: the trainer has an option that would change numbers unseen, the source models take images of
                another shape than the data module's, or a weight file is missing or damaged; with `skip_failed` only
                if every weight file is.
        """
        refuse_options(self.trainer)
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if not hasattr(data, "image_shape"):
            raise InputError(f"{type(data).__name__} has no image_shape; derive it from ReplicaDataModule")
        self.refuse_images(data.image_shape)
        self.refuse_classes(getattr(data, "class_count", None))
        for line in library_inputs(self.sources) if process_number() == 0 else ():
            say(line)
        bad: list[InputError] = []
        for spec in self.sources:
            try:
                spec.load()
            except InputError as error:
                bad.append(error)
                if not self.skip_failed or len(bad) == len(self.sources):
                    raise

    def refuse_images(self, image_shape: tuple[int, int, int]) -> None:
        """Checks that the source models take images of shape `(C, H, W)`.

        Raises:
            InputError: one takes images of another shape.
        """
        for spec in self.sources:
            if spec.image_shape != image_shape:
                raise InputError(
                    f"source model {spec.name} takes images {list(spec.image_shape)}, the data are "
                    f"{list(image_shape)}; give a zoo that was trained on these data{_cut_for(spec.image_shape)}"
                )

    def refuse_classes(self, count: int | None) -> None:
        """Checks that the source models know `count` classes; None where the data do not say how many there are.

        Raises:
            InputError: one knows another number of them.
        """
        for spec in self.sources:
            if count is not None and spec.classes != count:
                raise InputError(
                    f"source model {spec.name} knows {spec.classes} classes, the labels are of {count}; give a zoo of "
                    "these classes, or say which they are with --data.class_list"
                )

    def on_predict_start(self) -> None:
        """Warns where bfloat16 would be slow and where there is no float64; makes garbage collection short."""
        if self.model_precision == "bf16" and not has_bf16(self.device):
            rank_zero_warn(f"this {self.device.type} does not compute in bfloat16 by itself; float32 is faster here")
        if widest(self.device) != torch.float64:
            rank_zero_warn(
                f"this {self.device.type} has no float64: calibration (Eq. 4.2) and losses are in float32 here, so "
                "that f(x) is met only up to about 1e-7 of the logits"
            )
        gc.freeze()  # else looking for cycles between two models takes longer than loading one

    def on_predict_end(self) -> None:
        """Undoes `gc.freeze`."""
        gc.unfreeze()

    def predict_step(self, batch: ReplicaBatch) -> Tensor:
        """Computes the perturbations δ_i(x + z) `[B, C, H, W]` of one batch; `[0, C, H, W]` where a model is skipped.

        Raises:
            InputError: a source model cannot be loaded, or its logits or gradients are not finite; the message names
                the model and the images.
        """
        places = range(batch.model, batch.model + batch.models)
        if self.failed.keys() & places:
            return batch.clean[:0]
        try:
            model = self.loader.model(batch.model, batch.models, self.device)
        except InputError as error:
            self.skip([place for place in places if not self._loads(place)] or places, error)
            return batch.clean[:0]
        if batch.following is not None:
            self.loader.load_ahead(*batch.following)
        began = time.monotonic()
        try:
            with repeatable():
                return perturb_batch(model, batch, self.attack)
        except BrokenModel as error:
            each = len(batch.image) // batch.models
            self.skip({batch.model + row // each for row in error.rows} or places, InputError(self._name(error, batch)))
            return batch.clean[:0]
        finally:
            self.seconds_in_attacks += time.monotonic() - began

    def _loads(self, place: int) -> bool:
        try:
            self.sources[place].load()
        except InputError:
            return False
        return True

    def skip(self, places: Iterable[int], error: InputError) -> None:
        """Leaves source models out from now on.

        Raises:
            InputError: `error`, without `skip_failed`.
        """
        if not self.skip_failed:
            raise error
        self.failed |= dict.fromkeys(places, str(error))

    def _name(self, error: BrokenModel, batch: ReplicaBatch) -> str:
        rows = error.rows or list(range(len(batch.image)))
        each = len(batch.image) // batch.models
        models = sorted({self.sources[batch.model + row // each].name for row in rows})
        images = sorted({int(batch.image[row]) for row in rows})
        return (
            f"source model {', '.join(models)} gives {error.what} at images {first_few(images)} of the selection; "
            f"nothing of this batch is counted; take the model out of zoo {self.zoo.path}, mend it, or start again "
            "with --skip-failed"
        )


def _cut_for(image_shape: tuple[int, int, int]) -> str:
    channels, height, width = image_shape
    return f", or of own images --data.channels {channels} --data.crop {height}" if height == width else ""
