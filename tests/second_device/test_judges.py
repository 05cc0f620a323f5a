"""The judges of `lit-adv reproduce` compute on the accelerator, and give the CPU's answers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lit_adv.data_sets import DATA_SETS
from lit_adv.evaluation.judge_figures import MEASURES, Measure
from lit_adv.evaluation.masking_effect import Masked, by_epsilon
from lit_adv.evaluation.noise_classes import noise_classes
from lit_adv.evaluation.rules import Rules
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.reproduce import judges
from lit_adv.reproduce.judges import Judges
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from tests.helpers import predict
from tests.second_device.device import NAME
from tests.second_device.lightning import options


@pytest.fixture(scope="module")
def perturbations(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> PerturbationSet:
    out = tmp_path_factory.mktemp("judged")
    words = ["--data.per_class", "2", "--model.attack.steps", "3"]
    return predict("mnist-sm-bim", zoo, out, *options(torch.device("cpu")), *words)


def everything(opened: Judges, perturbations: PerturbationSet) -> dict[str, Any]:
    """What figures and tables ask of judges."""
    models = opened.models
    shape = perturbations.image.shape[1:]
    mask = (perturbations.image[:, 0] > 0.5).to(torch.int8)
    masked = Masked(perturbations.image, perturbations.perturbation, perturbations.label, mask, list(models.values()))
    first = next(iter(models.values()))
    return {
        "answers": {name: found.tolist() for name, found in opened.answers(perturbations).items()},
        "seen": opened.seen(perturbations.image),
        "evaluation": opened.evaluate(perturbations),
        "masked": by_epsilon(masked, "contour", [0.1, 0.2]),
        "noise": noise_classes(first, (shape[0], shape[1], shape[2]), [0.1], [0.3], 20),
    }


def test_answers_are_the_cpus(
    zoo: Zoo, device: torch.device, perturbations: PerturbationSet, monkeypatch: pytest.MonkeyPatch, widths: str
) -> None:
    used = []
    load = ModelSpec.load

    def watched(self: ModelSpec) -> nn.Module:
        model = load(self)
        model.register_forward_pre_hook(lambda _, given: used.append(given[0].device.type))
        return model

    monkeypatch.setattr(ModelSpec, "load", watched)
    assert judges.device().type == device.type
    found = everything(Judges(Path(zoo.path), DATA_SETS["mnist"]), perturbations)
    assert set(used) == {device.type}
    monkeypatch.setattr(judges, "device", lambda: torch.device("cpu"))
    expected = everything(Judges(Path(zoo.path), DATA_SETS["mnist"]), perturbations)
    assert set(used) == {device.type, "cpu"}
    assert found == expected if device.type == NAME else found.keys() == expected.keys()  # CUDA rounds in its own ways


@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.parametrize("measure", MEASURES)
def test_pictures_that_judges_see(device: torch.device, name: str, measure: Measure, widths: str) -> None:
    """Of every data set, also where only some classes may be answered."""
    data = DATA_SETS[name]
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, *data.image_shape, generator=generator)
    delta = torch.randn(image.shape, generator=generator)
    rules = Rules(data, targeted=False, classes=torch.tensor([1, 3, 5]), epsilon=data.epsilon)
    found = rules.picture(measure, image.to(device), delta.to(device))
    expected = rules.picture(measure, image, delta)
    assert found.device == device
    exact = device.type == NAME and widths != "no float64"  # there, statistics of pictures are computed in float32
    assert torch.equal(found.cpu(), expected) if exact else torch.allclose(found.cpu(), expected, atol=1e-5)
    logits = torch.randn(3, data.classes, generator=generator)
    assert torch.equal(rules.answer(measure, logits.to(device)).cpu(), rules.answer(measure, logits))
