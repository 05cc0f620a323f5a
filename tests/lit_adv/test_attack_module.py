"""Every attack inside the Lightning module, in every setting, against the attack called by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from datamodules.claims import BatchClaim
from datamodules.labelled import Labelled
from datamodules.mnist import CLASSES
from datamodules.replicas import ReplicaDataset
from datamodules.selection import first_per_class, with_targets
from lit_adv.attack_module import AttackModule
from lit_adv.attacks import BIM, CW, Attack, DeepFool, Gradient, Square
from lit_adv.attacks.calibration import calibration
from lit_adv.errors import InputError
from lit_adv.perturbations.batch import ReplicaBatch
from lit_adv.perturbations.manifest import AttackRecord
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.plan import WorkPlan
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, predict

ATTACKS = [BIM(epsilon=0.2, steps=3), CW(steps=3), DeepFool(steps=2), Square(epsilon=0.2, queries=5), Gradient()]
WORDS = {
    "bim": ["--model.attack.steps", "2"],
    "cw": ["--model.attack.steps", "3"],
    "deepfool": ["--model.attack.steps", "2"],
    "square": ["--model.attack.queries", "4"],
    "gradient": [],
}


def batches(
    digits: Labelled,
    models: int,
    sigma: float,
    *,
    stacked: int = 1,
    targeted: bool = False,
    dtype: torch.dtype | None = None,
) -> list[ReplicaBatch]:
    """Ten digits on grey speckles: on their flat background it would depend on the last bit which of several equal
    values is the largest, and gets the gradient.
    """
    selection = first_per_class(digits.test_images, digits.test_labels, 1, CLASSES)
    selection = replace(selection, images=0.2 * torch.rand(selection.images.shape) + 0.8 * selection.images)
    if targeted:
        selection = with_targets(selection, {c: (c + 1) % 10 for c in range(10)}, CLASSES)
    plan = WorkPlan(models=models, images=10, copies=2 if sigma else 1, batch_size=20, stacked=stacked)
    dataset = ReplicaDataset(plan, selection, sigma, seed=0)
    made = [dataset[BatchClaim(i, None)] for i in range(len(plan))]
    return [batch._replace(clean=batch.clean.to(dtype), noisy=batch.noisy.to(dtype)) for batch in made]


def by_hand(attack: Attack, zoo: Zoo, batch: ReplicaBatch) -> Tensor:
    """The attack on each source model of a batch, one after the other."""
    found = []
    for part in batch.per_model():
        model = zoo.sources[part.model].load()
        one = replace(attack, seed=batch.model << 64) if isinstance(attack, Square) else attack
        calib = None if torch.equal(part.clean, part.noisy) else calibration(model, part.clean, part.noisy)
        found.append(one(model, part.noisy, part.label, targets=part.target, calibration=calib))
    return torch.cat(found)


@pytest.mark.parametrize("sigma", [0.0, 0.2])
@pytest.mark.parametrize(
    ("attack", "targeted"),
    [
        (attack, targeted)
        for attack in ATTACKS
        for targeted in (False, True)[: 1 if isinstance(attack, DeepFool) else 2]
    ],
)
class TestAStepIsTheAttackOnEachSourceModel:
    def test_bit_for_bit_where_exact(
        self, zoo: Zoo, digits: Labelled, attack: Attack, targeted: bool, sigma: float
    ) -> None:
        module = AttackModule(zoo.path, attack, exact=True)
        assert not module.stackable
        for batch in batches(digits, 3, sigma, targeted=targeted):
            assert torch.equal(module.predict_step(batch), by_hand(attack, zoo, batch))

    def test_in_its_fast_form(
        self,
        zoo: Zoo,
        digits: Labelled,
        attack: Attack,
        targeted: bool,
        sigma: float,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """In float64: in float32 signs of gradients near 0, and Adam's quotients of them, depend on the processor."""
        load = ModelSpec.load
        monkeypatch.setattr(ModelSpec, "load", lambda self: load(self).double())
        module = AttackModule(zoo.path, attack)
        assert module.stackable == (not isinstance(attack, (DeepFool, Square)))
        stacked = 3 if module.stackable else 1
        for batch in batches(digits, 3, sigma, stacked=stacked, targeted=targeted, dtype=torch.float64):
            found = module.predict_step(batch)
            assert found.dtype == torch.float64
            assert torch.allclose(found, by_hand(attack, zoo, batch), atol=1e-7)


@pytest.mark.parametrize("attack", WORDS)
@pytest.mark.parametrize("setting", ["sm", "nsm", "mm", "nmm"])
def test_every_attack_in_every_setting(zoo: Zoo, digits: Labelled, tmp_path: Path, setting: str, attack: str) -> None:
    """Eq. 4.1 by hand, on the same batches."""
    models, copies = 3 if "mm" in setting else 1, 2 if setting.startswith("n") else 1
    words = [*TINY, *WORDS[attack], "--model.exact", "true", *(["--data.copies", "2"] if copies == 2 else [])]
    found = predict(f"mnist-{setting}-{attack}", zoo, tmp_path, *words)
    assert found.manifest.setting == setting.upper()
    assert found.count.tolist() == [copies * models] * 10
    chosen = instantiated(found.manifest.attack)
    selection = first_per_class(digits.test_images, digits.test_labels, 1, CLASSES)
    plan = WorkPlan(models=models, images=10, copies=copies, batch_size=8)
    expected = torch.zeros_like(selection.images, dtype=torch.float64)
    dataset = ReplicaDataset(plan, selection, 0.2 if copies == 2 else 0.0, seed=0)
    for number in range(len(plan)):
        batch = dataset[BatchClaim(number, None)]
        expected.index_add_(0, batch.image, by_hand(chosen, zoo, batch).double() / (models * copies))
    assert torch.allclose(found.perturbation.double(), expected, atol=1e-6 * float(expected.abs().max()))
    assert expected.any()


def instantiated(attack: AttackRecord) -> Attack:
    """The attack that a manifest names."""
    return {type(one).__name__: type(one) for one in ATTACKS}[attack.name](**attack.parameters)


@pytest.mark.parametrize("attack", ["bim", "cw", "square", "gradient"])
def test_targeted_runs(zoo: Zoo, tmp_path: Path, attack: str) -> None:
    found = predict(f"mnist-mm-{attack}-targeted", zoo, tmp_path, *TINY, *WORDS[attack])
    assert found.target is not None
    assert found.target.tolist() == [6, 7, 3, 8, 9, 6, 0, 1, 3, 4]
    assert found.manifest.data.details["targets"]["1"] == 7
    if attack == "cw":
        assert found.manifest.attack.parameters["confidence"] == 20.0


def test_few_pairs_are_stacked_and_the_plan_says_so(zoo: Zoo, tmp_path: Path) -> None:
    words = [*TINY[:-2], "--data.batch_size", "30", "--model.attack.steps", "3"]
    stacked = predict("mnist-mm-bim", zoo, tmp_path / "stacked", *words)
    single = predict("mnist-mm-bim", zoo, tmp_path / "single", *words, "--model.exact", "true")
    assert (stacked.manifest.stacked, single.manifest.stacked) == (3, 1)
    assert stacked.count.tolist() == single.count.tolist() == [3] * 10
    assert (
        torch.nn.functional.cosine_similarity(stacked.perturbation.flatten(), single.perturbation.flatten(), 0) > 0.99
    )


@pytest.mark.filterwarnings("ignore:this cpu does not compute in bfloat16")  # on such a machine it says so
def test_bfloat16_from_the_command_line(zoo: Zoo, tmp_path: Path) -> None:
    words = [*TINY, "--model.attack.steps", "3"]
    reduced = predict("mnist-mm-bim", zoo, tmp_path / "bf16", *words, "--model.precision", "bf16")
    full = predict("mnist-mm-bim", zoo, tmp_path / "full", *words)
    assert (reduced.manifest.precision, full.manifest.precision) == ("bf16", "float32")
    assert reduced.perturbation.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(reduced.perturbation.flatten(), full.perturbation.flatten(), 0) > 0.5


def test_squares_differ_between_models_of_the_same_sample(zoo: Zoo, digits: Labelled) -> None:
    """Without noise all models see the same images; the same squares on all would not average away."""
    same: dict[int, Tensor] = {}
    for seed in (0, 1):
        module = AttackModule(zoo.path, Square(epsilon=0.2, queries=1, stripes=True, seed=seed))
        for batch in batches(digits, 2, 0.0):
            delta = module.predict_step(batch)
            assert not any(torch.equal(delta, other) for other in same.values())
            same[len(same)] = delta


class Broken(nn.Module):
    """NaN for bright images."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits.masked_fill((x.mean((1, 2, 3)) > self.limit)[:, None], torch.nan)

    limit = 0.15


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: type(attack).__name__)
def test_a_broken_model_stops_the_run_by_name_and_counts_nothing(
    zoo: Zoo, tmp_path: Path, attack: Attack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = ModelSpec.load

    def breaking(self: ModelSpec) -> nn.Module:
        model = load(self)
        return Broken(model).eval() if self == zoo.sources[1] else model

    name = type(attack).__name__.lower()
    words = [*WORDS[name], *TINY, "--data.batch_size", "10", "--model.exact", "true"]
    monkeypatch.setattr(ModelSpec, "load", breaking)
    with pytest.raises(SystemExit, match="2"):
        predict(f"mnist-mm-{name}", zoo, tmp_path, *words)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "source model model-002 gives logits that are not finite at images 0, " in error
    assert not (tmp_path / "manifest.json").exists()
    monkeypatch.undo()
    assert predict(f"mnist-mm-{name}", zoo, tmp_path, *words).count.tolist() == [3] * 10


def test_a_mistake_leaves_no_run_behind(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["--model.attack.top_k", "11"], "top_k is 11; the model knows 10 classes"),
        (["--data.targets", "{1: 7}"], "DeepFool is untargeted"),
    ):
        with pytest.raises(SystemExit, match="2"):
            predict("mnist-mm-deepfool", zoo, tmp_path, *TINY, *words)
        assert message in capsys.readouterr().err
    predict("mnist-mm-deepfool", zoo, tmp_path, *TINY, "--model.attack.steps", "1")


def test_precision_and_exact_contradict(zoo: Zoo) -> None:
    with pytest.raises(InputError, match="exact and precision bf16 contradict"):
        AttackModule(zoo.path, Gradient(), exact=True, precision="bf16")


def test_a_targeted_set_is_judged_by_its_targets(zoo: Zoo, tmp_path: Path) -> None:
    from lit_adv.cli import main

    found = predict("mnist-mm-bim-targeted", zoo, tmp_path, *TINY, "--model.attack.steps", "3")
    main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tmp_path)])
    figures = json.loads((tmp_path / "evaluation.json").read_text())
    assert figures["set"] == "MM BIM targeted"
    judge = zoo.judges[0].load()
    assert found.target is not None
    expected = (judge((found.perturbation > 0).float()).argmax(1) == found.target).float().mean().item()
    assert figures["judges"]["model-000"]["recognized"] == pytest.approx(expected)
    main(["report", str(tmp_path), "--out", str(tmp_path / "report")])
    page = (tmp_path / "report" / "index.html").read_text()
    assert "with its own sign" in page
    assert "minus sign" not in page
    assert PerturbationSet.load(tmp_path).target is not None
