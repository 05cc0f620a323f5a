"""The Lightning shell that judges a perturbation set with held-out models."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from lit_adv.errors import InputError
from lit_adv.evaluation.recognizability import binary_negative
from lit_adv.evaluation.strength import adversarial_example, random_noise
from lit_adv.evaluation.table import print_table
from lit_adv.files import write_json
from lit_adv.perturbation_set import PerturbationSet, name_of
from lit_adv.zoo import Zoo

EVALUATION = "evaluation.json"


class EvaluationModule(pl.LightningModule):
    """Recognizability and attack strength of the perturbation set in the run's folder, by each test model of a zoo.

    Four accuracies for each judge: `clean` images; images under random `noise` of ±ε; images under `attack`, Eq. 4.3;
    and `recognized`, the share of perturbations that get the label of their image, or, where the attack was targeted,
    the target. Prints a table and writes `evaluation.json` beside the set.

    Args:
        zoo: the zoo's folder.
        epsilon: ε of Eq. 4.3, in pixel values of [0, 1].
        seed: of the random noise.

    Raises:
        InputError: the zoo is empty or has no test model.
    """

    def __init__(self, zoo: Path, epsilon: float = 0.2, seed: int = 0) -> None:
        super().__init__()
        if not epsilon > 0:
            raise InputError(f"epsilon is {epsilon}; it must be above 0")
        self.zoo = Zoo.open(Path(zoo))
        if not self.zoo.judges:
            raise InputError(f"zoo {zoo} has no test model; train it with scripts/train_mnist_zoo.py")
        self.epsilon = epsilon
        self.seed = seed
        self.judges = nn.ModuleDict({spec.name: self.zoo.load(spec) for spec in self.zoo.judges})
        self.accuracies = nn.ModuleDict(
            {
                spec.name: nn.ModuleDict(
                    {
                        name: MulticlassAccuracy(spec.classes, average="micro")
                        for name in ("clean", "noise", "attack", "recognized")
                    }
                )
                for spec in self.zoo.judges
            }
        )

    def test_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        position, image, perturbation, label, *target = batch
        inputs = {
            "clean": image,
            "noise": random_noise(image, self.epsilon, self.seed, int(position[0])),
            "attack": adversarial_example(image, perturbation, self.epsilon),
            "recognized": binary_negative(-perturbation if target else perturbation),
        }
        for judge, model in self.judges.items():
            for name, accuracy in self.accuracies[judge].items():  # type: ignore[operator]
                accuracy.update(model(inputs[name]), target[0] if target and name == "recognized" else label)

    def on_test_end(self) -> None:
        """Prints the table and writes `evaluation.json`."""
        folder = Path(self.trainer.default_root_dir)
        result = self.result(PerturbationSet.load(folder))
        if self.trainer.is_global_zero:
            write_json(folder / EVALUATION, result)
            print_table([result])

    def result(self, evaluated: PerturbationSet) -> dict[str, Any]:
        """The figures, with what they belong to."""
        manifest = evaluated.manifest
        used = {source["sha256"] for source in manifest["sources"]}
        return {
            "set": name_of(evaluated),
            "sha256": manifest["sha256"],
            "images": len(evaluated.label),
            "perturbations_per_image": int(evaluated.count[0]),
            "epsilon": self.epsilon,
            "seed": self.seed,
            "judges": {
                spec.name: {
                    "white_box": spec.sha256 in used,
                    **{name: a.compute().item() for name, a in self.accuracies[spec.name].items()},  # type: ignore[operator]
                }
                for spec in self.zoo.judges
            },
        }
