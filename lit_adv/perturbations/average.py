"""Averages of perturbations over source models and noisy copies (Eq. 4.1), in one process and without Lightning."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

import torch
from torch import Tensor

from lit_adv.arithmetic import repeatable
from lit_adv.attacks import Attack
from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.logits import BrokenModel, first_few, short
from lit_adv.perturbations.averaged_images import checked, data_described, refuse_labels
from lit_adv.perturbations.cells import GROUPS, Cells
from lit_adv.perturbations.exact_mean import MOST
from lit_adv.perturbations.kept_sums import KeptSums
from lit_adv.perturbations.manifest import Manifest, Weight
from lit_adv.perturbations.perturb import perturb_batch, refuse_extremes
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.plan import MOST_BATCHES, WorkPlan
from lit_adv.perturbations.progress_bar import ProgressBar
from lit_adv.perturbations.replicas import Replicas, check_whole
from lit_adv.perturbations.run_manifest import begun, data_record, ended
from lit_adv.perturbations.run_sums import RunSums
from lit_adv.perturbations.source_models import Given, SourceModels, Survey, classes_of, device_named, ready, record_of
from lit_adv.perturbations.source_records import SourceRecord
from lit_adv.perturbations.zeros import many_zeros
from lit_adv.terminal import say

PRECISIONS: Final = {torch.float32: "float32", torch.bfloat16: "bf16"}
"""Types of the images, and so of the models, whose names in the manifest are not torch's."""
UNCOUNTED: Final = 1024
"""Most models that an iterator may make: how many it will make, which bounds the sums, is not known beforehand."""


def average(
    models: Iterable[Given] | Given,
    images: Tensor,
    labels: Tensor,
    attack: Attack,
    *,
    targets: Tensor | None = None,
    copies: int = 1,
    sigma: float = 0.0,
    seed: int = 0,
    batch_size: int = 128,
    groups: int = GROUPS,
    weight: Weight = "none",
    fast: bool = True,
    device: torch.device | str | None = None,
    progress: bool = True,
    out: Path | str | None = None,
    restart: bool = False,
    index: Tensor | None = None,
    data: str | None = None,
    class_names: Sequence[str] | None = None,
) -> PerturbationSet:
    """Averages the perturbations that an attack finds on source models for noisy copies of images (Eq. 4.1).

    δ(x) = 1/(m·n) · Σ_i Σ_j δ_i(x + z_ij) over m models and n copies, z_ij ~ N(0, σ²I), each copy's logits calibrated
    (Eq. 4.2), nothing clipped. Sums are exact: they do not depend on interruptions. One model is attacked after the
    other; of models that an iterator or a sequence of one's own makes, one at a time is in memory.

    Args:
        models: the source models: modules in evaluation mode, functions from images `[B, C, H, W]` in [0, 1] to logits
            `[B, K]`, or entries of a zoo such as `Zoo.open(path).sources`; a list, an iterator, any sequence that makes
            its items when they are asked for, or one model alone.
        images: `[N, C, H, W]` in [0, 1], floating point.
        labels: `[N]` int64, classes to leave.
        attack: such as `BIM(epsilon=0.2)`.
        targets: `[N]` int64, classes to reach; with them the attack is targeted.
        copies: n, noisy copies of each image for each model.
        sigma: σ, standard deviation of the noise, in units of the [0, 1] pixel range.
        seed: of the noise, which is a function of seed, model, image and copy.
        batch_size: perturbations in a batch.
        groups: number of groups of source models whose sums are kept too, or that of the models where they are fewer:
            from these follow averages that a source may judge, for it took no part, and how reliable the average is.
        weight: `norm` scales each perturbation to the same L2 norm before it is summed, a variant of Eq. 4.1 in which
            no model outweighs the others.
        fast: attack modules in their fast forms: the same functions, batch normalisation folded.
        device: device of the attack; by default each model's own, or else the images'.
        progress: show a progress bar in terminals and notebooks, elsewhere a line on standard error every ten seconds.
        out: folder of the run, which is that of `lit-adv predict`: what is done is kept there while it lasts, the same
            call continues it, and the finished set is read from it. It needs models that can be counted.
        restart: delete what is in `out`, and begin anew.
        index: `[N]` int64, the images' numbers in their data set, which key the noise; by default 0 to N − 1.
        data: `mnist`, `cifar10` or `imagenet`, by whose rules the perturbations are shown and judged; by default own
            images, by the rules of the most similar one.
        class_names: names of the K classes of own images.

    Returns:
        Averages with their images and labels.

    Raises:
        InputError: a model, an image, a label or a number makes no sense, or `out` holds another run.
        KeyboardInterrupt: it was interrupted; what is done is kept in `out`, if given.

    Example:
        >>> import lit_adv
        >>> images, labels = lit_adv.digits(per_class=1)
        >>> models = (torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval() for _ in range(3))
        >>> found = lit_adv.average(models, images, labels, lit_adv.BIM(epsilon=0.2, steps=2), copies=2, sigma=0.2)
        >>> found
        PerturbationSet(NMM BIM: 10 images [1, 28, 28], 6 perturbations each)
    """
    source = SourceModels(models)
    refuse_extremes(attack)
    if out == "":
        raise InputError("out is empty; give the run's folder, or leave it out")
    replicas = checked(images, labels, targets, index, copies=copies, sigma=sigma, seed=seed, batch_size=batch_size)
    if data is not None and (not isinstance(data, str) or data not in DATA_SETS):
        raise InputError(f"data is {data!r}; it must be one of {', '.join(DATA_SETS)}, or left out for own images")
    if out is not None and source.count is None:
        raise InputError(
            "a run that is kept in a folder needs models that can be counted; give a list, entries of a zoo, or any "
            "sequence that makes its items, in place of an iterator"
        )
    check_whole("groups", groups, 1)
    if weight not in get_args(Weight):
        raise InputError(f"weight is {weight!r}; it must be none or norm")
    copies, seed, batch_size = int(copies), int(seed), int(batch_size)
    uncounted = min(UNCOUNTED, MOST // copies, MOST_BATCHES // -(-len(images) * copies // batch_size))
    plan = WorkPlan(source.count or max(uncounted, 1), len(images), copies, batch_size)
    cells = Cells(plan.models, copies, None if source.count is None else seed, min(int(groups), plan.models))
    job = _Job(source, replicas, attack, fast, device_named(device), images.device, data, class_names)
    if source.at_hand or out is not None:
        for position in range(plan.models):
            job.survey(source.survey(position, job.sample))

    def manifest() -> Manifest:
        return begun(
            attack=attack,
            sources=job.records,
            exact=not fast,
            precision=PRECISIONS.get(images.dtype, short(images.dtype)),
            data=data_record(job.described, replicas.index, replicas.images, replicas.labels),
            copies=copies,
            sigma=replicas.sigma,
            seed=seed,
            batch_size=batch_size,
            stacked=1,
            weight=weight,
            cells=replace(cells, groups=min(cells.groups, len(job.records))),
            device=job.place,
        )

    sums = RunSums(plan, tuple(images.shape[1:]), cells, weight, attack.fraction_bits)
    folder = None if out is None else Path(out)
    try:
        with (
            quick_collections(),
            KeptSums(folder, sums, None if folder is None else manifest(), restart) as kept,
            ProgressBar(None if source.count is None else plan.models * plan.pairs, progress, kept.rows(plan)) as bar,
        ):
            for position in range(plan.models):
                if not job.attack_model(position, plan, kept, bar):
                    break
            else:
                job.refuse_more(plan.models)
            kept.add_up()
            found = job.finished(ended(manifest(), job.zeros(sums)), sums)
            kept.finish(found)
    except AlreadyDone:
        assert folder is not None
        return PerturbationSet.load(folder)
    if line := many_zeros(found.manifest):
        say(line)
    return found


@contextmanager
def quick_collections() -> Iterator[None]:
    """Lets garbage collection leave out what is there already: looking through it takes longer than a small model."""
    if gc.get_freeze_count():  # the caller's own
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@dataclass
class _Job:
    """One call of `average`: its models and images, and what is known of the models so far."""

    source: SourceModels
    replicas: Replicas
    attack: Attack
    fast: bool
    device: torch.device | None
    images_device: torch.device
    data: str | None
    class_names: Sequence[str] | None

    def __post_init__(self) -> None:
        self.records: list[SourceRecord] = []
        self.classes = 0
        self.described: dict[str, Any] = {}
        self.place = self.device or self.images_device
        self.sample = self.replicas.images[:4].to(self.images_device)

    def survey(self, found: Survey) -> None:
        """Takes note of a model, and refuses one that does not fit labels or other models."""
        if self.classes and found.classes != self.classes:
            raise InputError(
                f"source model {found.record.name} gives {found.classes} logits, {self.records[0].name} "
                f"{self.classes}; average over models of the same classes"
            )
        if not self.classes:
            self.classes = found.classes
            self.place = self.device or found.place or self.images_device
            refuse_labels(self.replicas.labels, self.replicas.targets, found.classes)
            self.described = data_described(self.replicas, self.data, self.class_names, found.classes)
        if found.record.name in {record.name for record in self.records}:
            raise InputError(f"two source models are named {found.record.name}; give each one once")
        self.records.append(found.record)

    def attack_model(self, position: int, plan: WorkPlan, kept: KeptSums, bar: ProgressBar) -> bool:
        """Adds the perturbations of a model; returns False where an iterator gave no more models."""
        first = position * plan.batches_per_stack
        todo = [number for number in range(first, first + plan.batches_per_stack) if not kept.done[number]]
        if not todo:
            return True
        given = self.source.take(position)
        if given is None:
            if not position:
                raise InputError("models gave no model; give at least one source model")
            return False
        surveyed = position < len(self.records)
        record = self.records[position] if surveyed else record_of(given, position)
        model, place = ready(given, record.name, self.sample, self.fast, self.device)
        if not surveyed:
            self.survey(Survey(record, classes_of(model, record.name, self.sample.to(place)), place))
        for number in todo:
            batch = self.replicas.batch(plan, number)
            moved = batch._replace(
                clean=batch.clean.to(place),
                noisy=batch.noisy.to(place),
                label=batch.label.to(place),
                target=None if batch.target is None else batch.target.to(place),
            )
            try:
                with repeatable():
                    perturbation = perturb_batch(model, moved, self.attack)
                kept.add(batch, perturbation)
            except BrokenModel as error:
                rows = error.rows or range(len(batch.image))
                images = sorted({int(self.replicas.index[batch.image[row]]) for row in rows})
                raise InputError(
                    f"source model {record.name} gives {error.what} at images {first_few(images)}; leave it out, or "
                    "mend it"
                ) from error
            except InputError:
                raise
            except ValueError as error:
                raise InputError(f"source model {record.name}: {error}") from error
            bar.update(len(batch.image))
        if isinstance(model, torch.fx.GraphModule):
            del model, given
            gc.collect()  # traced networks refer to themselves, and would stay in memory beside the next
        return True

    def refuse_more(self, most: int) -> None:
        """Refuses an iterator that makes more models than were allowed for."""
        if self.source.count is None and self.source.take(most) is not None:
            raise InputError(f"an iterator may make {most} models here; give more of them as a list or sequence")

    def zeros(self, sums: RunSums) -> dict[str, int]:
        """Returns the number of perturbations of each model that are exactly 0."""
        return {record.name: int(sums.zeros[place]) for place, record in enumerate(self.records)}

    def finished(self, manifest: Manifest, sums: RunSums) -> PerturbationSet:
        """Returns the set of finished sums."""
        kept = sums.kept(range(len(self.records)))
        mean = kept.overall()
        return PerturbationSet(
            perturbation=mean.mean(),
            image=self.replicas.images.float(),
            label=self.replicas.labels,
            target=self.replicas.targets,
            count=mean.count,
            manifest=manifest,
            sums=kept if kept.groups else None,
        )
