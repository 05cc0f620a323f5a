"""The Lightning shell that judges a perturbation set with held-out models."""

from pathlib import Path
from typing import Any, Final

import pytorch_lightning as pl
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy, MulticlassStatScores

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.evaluation.recognizability import judge_input, predicted_class
from lit_adv.evaluation.strength import adversarial_example, random_noise
from lit_adv.evaluation.table import print_table
from lit_adv.files import write_json
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.zoo.zoo import Zoo

FIGURES: Final = ("clean", "noise", "attack", "recognized")


class EvaluationModule(pl.LightningModule):
    """Recognizability and attack strength of the perturbation set in the run's folder, by test models of a zoo.

    Four accuracies for each judge: `clean` images; images under random `noise` of ±ε; images under `attack`, Eq. 4.3;
    and `recognized`, the share of perturbations that get the label of their image, or, where the attack was targeted,
    the target. On ImageNet a perturbation is classified among the classes of the set only. Besides, `commonest`: the
    share of perturbations that get the answer which the judge gives most often, and `empty`: how many perturbations
    are 0. Prints a table and writes `evaluation.json` beside the set.

    Args:
        zoo: the zoo's folder or file.
        epsilon: ε of Eq. 4.3, in pixel values of [0, 1].
        seed: of the random noise.
        judges: the names of the models that judge; left out, the zoo's test models.

    Raises:
        InputError: the zoo is empty, has no test model or none of such a name.
    """

    def __init__(self, zoo: Path, epsilon: float, seed: int = 0, judges: list[str] | None = None) -> None:
        super().__init__()
        if not epsilon > 0:
            raise InputError(f"epsilon is {epsilon}; it must be above 0")
        opened = Zoo.open(Path(zoo))
        if judges is None and not opened.judges:
            raise InputError(f"zoo {zoo} has no test model; name judges with --model.judges")
        self.specs = opened.judges if judges is None else opened.named(judges)
        self.epsilon = epsilon
        self.seed = seed
        self.accuracies = nn.ModuleList(
            nn.ModuleDict({name: MulticlassAccuracy(spec.classes, average="micro") for name in FIGURES})
            for spec in self.specs
        )
        self.given = nn.ModuleList(MulticlassStatScores(spec.classes, average=None) for spec in self.specs)

    def prepare_data(self) -> None:
        """Downloads the judges' weights on one process, if there is a set for them.

        Raises:
            InputError: there is no finished set, a judge takes other images, or its weights are no good.
        """
        shape = tuple(PerturbationSet.load(Path(self.trainer.default_root_dir)).image.shape[1:])
        for spec in self.specs:
            if spec.image_shape != shape:
                raise InputError(
                    f"judge {spec.name} takes images {list(spec.image_shape)}, the set's are {list(shape)}"
                )
        for spec in self.specs:
            spec.file()

    def setup(self, stage: str) -> None:
        """Opens the set and loads the judges."""
        self.evaluated = PerturbationSet.load(Path(self.trainer.default_root_dir))
        self.data = DATA_SETS[self.evaluated.manifest.data.name]
        self.judges = nn.ModuleList(spec.load() for spec in self.specs)
        self.classes = self.evaluated.classes if self.data.answers_among_its_classes else None

    def test_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        position, image, perturbation, label, *target = batch
        inputs = {
            "clean": image,
            "noise": random_noise(image, self.epsilon, self.seed, int(position[0])),
            "attack": adversarial_example(image, perturbation, self.epsilon),
            "recognized": judge_input(perturbation, self.data, targeted=bool(target)),
        }
        classes = None if self.classes is None else self.classes.to(label.device)
        for judge, accuracies, given in zip(self.judges, self.accuracies, self.given, strict=True):
            for name, accuracy in accuracies.items():  # type: ignore[operator]
                logits = judge(inputs[name])
                if name == "recognized":
                    wanted, answers = target[0] if target else label, predicted_class(logits, classes)
                    accuracy.update(answers, wanted)
                    given.update(answers, wanted)  # type: ignore[operator]
                else:
                    accuracy.update(predicted_class(logits, None), label)

    def on_test_end(self) -> None:
        """Prints the table and writes `evaluation.json`."""
        result = self.result()
        if self.trainer.is_global_zero:
            write_json(Path(self.trainer.default_root_dir) / EVALUATION, result)
            print_table(result)

    def result(self) -> dict[str, Any]:
        """The figures, with what they belong to."""
        manifest = self.evaluated.manifest
        used = {source.checksum for source in manifest.sources}
        return {
            "set": self.evaluated.name,
            "data": self.data.name,
            "sha256": manifest.sha256,
            "images": len(self.evaluated.label),
            "empty": int((self.evaluated.perturbation == 0).flatten(1).all(1).sum()),
            "answers": self.specs[0].classes if self.classes is None else len(self.classes),
            "perturbations_per_image": int(self.evaluated.count[0]),
            "epsilon": self.epsilon,
            "seed": self.seed,
            "judges": {
                spec.name: {
                    "checksum": spec.checksum,
                    "white_box": spec.checksum in used,
                    **{name: accuracy.compute().item() for name, accuracy in accuracies.items()},  # type: ignore[operator]
                    "commonest": _commonest(given.compute()),  # type: ignore[operator]
                }
                for spec, accuracies, given in zip(self.specs, self.accuracies, self.given, strict=True)
            },
        }


def _commonest(scores: Tensor) -> float:
    """The share of the class answered most; `[K, 5]`, true positives and false positives first."""
    answers = scores[:, :2].sum(1)
    return float(answers.max() / answers.sum())
