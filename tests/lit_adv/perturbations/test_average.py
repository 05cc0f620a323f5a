"""Averages in Python: Eq. 4.1 as written, the same bits as `predict`, interruptible, one model at a time."""

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import lit_adv
from lit_adv.attacks.calibration import calibration
from lit_adv.errors import InputError
from lit_adv.perturbations.noise import gaussian_noise
from lit_adv.perturbations.perturbation_set import MANIFEST, PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, digits_network, predict

BIM = lit_adv.BIM(epsilon=0.2, steps=3)
IMAGES, LABELS = lit_adv.digits(per_class=1)


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return digits_network().eval()


@pytest.mark.parametrize(
    ("name", "attack", "words"),
    [
        ("mnist-nmm-bim", BIM, ["--model.attack.steps", "3", "--data.copies", "3"]),
        ("mnist-nmm-deepfool", lit_adv.DeepFool(steps=4, overshoot=0.02, top_k=10), ["--data.copies", "2"]),
        ("mnist-mm-gradient", lit_adv.Gradient(), []),
        ("mnist-mm-square", None, ["--model.attack.queries", "5"]),
        ("mnist-nmm-cw-targeted", None, ["--model.attack.steps", "3", "--data.copies", "2"]),
    ],
)
def test_the_same_bits_as_predict(
    zoo: Zoo, tmp_path: Path, name: str, attack: lit_adv.Attack | None, words: list[str]
) -> None:
    if name.endswith("deepfool"):
        words = [*words, "--model.attack.steps", "4", "--model.attack.overshoot", "0.02", "--model.attack.top_k", "10"]
    there = predict(name, zoo, tmp_path, *TINY, *words, "--model.exact", "true")
    run = there.manifest
    if attack is None:
        attack = getattr(lit_adv, run.attack.name)(**run.attack.parameters)
    here = lit_adv.average(
        zoo.sources,
        there.image,
        there.label,
        attack,
        targets=there.target,
        copies=run.copies,
        sigma=run.sigma,
        seed=run.seed,
        batch_size=run.batch_size,
        fast=False,
        index=torch.tensor(run.data.images),
        data="mnist",
    )
    assert torch.equal(here.perturbation, there.perturbation)
    assert torch.equal(here.count, there.count)
    assert here.manifest.sources == run.sources
    assert (here.name, here.manifest.exact, here.data_set) == (there.name, True, there.data_set)


def test_equation_4_1_as_it_is_written() -> None:
    """A loop in float64 over models and copies, each noisy copy by itself."""
    models = [network(seed).double() for seed in range(2)]
    images = IMAGES[:3].double()
    found = lit_adv.average(models, images, LABELS[:3], lit_adv.Gradient(), copies=2, sigma=0.3, seed=5, batch_size=4)
    for image in range(3):
        total = torch.zeros(1, 28, 28, dtype=torch.float64)
        for m, model in enumerate(models):
            for copy in range(2):
                x, label = images[image : image + 1], LABELS[image : image + 1]
                noisy = x + 0.3 * gaussian_noise(5, [(m, image, copy)], (1, 28, 28)).double()
                calib = calibration(model, x, noisy)
                total += lit_adv.Gradient()(model, noisy, label, calibration=calib)[0]
        torch.testing.assert_close(found.perturbation[image].double(), total / 4, rtol=1e-6, atol=1e-12)
    assert found.manifest.setting == "NMM"
    assert found.count.tolist() == [4, 4, 4]


def test_perturb_is_what_is_averaged() -> None:
    model = network(0)
    noise = 0.2 * gaussian_noise(0, [(0, i, 0) for i in range(10)], (1, 28, 28))
    alone = lit_adv.perturb(model, IMAGES, LABELS, BIM, noise=noise)
    found = lit_adv.average(model, IMAGES, LABELS, BIM, sigma=0.2, fast=False)
    torch.testing.assert_close(found.perturbation, alone, rtol=0, atol=2.0**-40)
    with pytest.raises(InputError, match=r"noise is float32 \[1, 28, 28\].* must be like them"):
        lit_adv.perturb(model, IMAGES, LABELS, BIM, noise=noise[0])


@pytest.mark.parametrize("wrap", [list, tuple, nn.ModuleList, iter, lambda models: (m for m in models)])
def test_models_in_any_container(wrap: Callable[[list[nn.Module]], object]) -> None:
    models = [network(seed) for seed in range(3)]
    expected = lit_adv.average(models, IMAGES, LABELS, BIM, copies=2, sigma=0.2)
    found = lit_adv.average(wrap(models), IMAGES, LABELS, BIM, copies=2, sigma=0.2)  # type: ignore[arg-type]
    assert torch.equal(found.perturbation, expected.perturbation)
    assert found.manifest == expected.manifest
    assert [source.name for source in found.manifest.sources] == ["Sequential-0", "Sequential-1", "Sequential-2"]


def test_a_model_alone_is_no_list_of_its_layers() -> None:
    assert lit_adv.average(network(0), IMAGES, LABELS, BIM).manifest.setting == "SM"
    assert lit_adv.average(lambda x: network(0)(x), IMAGES, LABELS, BIM).count.tolist() == [1] * 10


def test_one_model_in_memory() -> None:
    alive: weakref.WeakSet[nn.Module] = weakref.WeakSet()
    most = 0

    def make() -> Iterator[nn.Module]:
        nonlocal most
        for seed in range(4):
            gc.collect()
            most = max(most, len(alive))
            model = network(seed)
            alive.add(model)
            yield model
            del model

    class OnRequest:
        """A sequence of one's own that makes its items."""

        def __len__(self) -> int:
            return 4

        def __getitem__(self, place: int) -> nn.Module:
            nonlocal most
            gc.collect()
            most = max(most, len(alive))
            model = network(place)
            alive.add(model)
            return model

    one = lit_adv.average(make(), IMAGES, LABELS, BIM)
    assert most == 0
    other = lit_adv.average(OnRequest(), IMAGES, LABELS, BIM)  # type: ignore[arg-type]
    assert most == 0
    assert torch.equal(one.perturbation, other.perturbation)


class Interrupting(nn.Module):
    """A model during whose n-th pass the user presses Ctrl-C."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.passes = SimpleNamespace(left=-1)

    def forward(self, x: Tensor) -> Tensor:
        self.passes.left -= 1
        if self.passes.left == 0:
            raise KeyboardInterrupt
        logits: Tensor = self.model(x)
        return logits


def test_ctrl_c_keeps_what_is_done_and_returns_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [Interrupting(network(seed)).eval() for seed in range(3)]
    options = {"copies": 2, "sigma": 0.2, "batch_size": 4, "fast": False}
    expected = lit_adv.average(models, IMAGES, LABELS, BIM, **options)  # type: ignore[arg-type]
    for passes in (8, 8, 5):
        models[1].passes.left = passes
        with pytest.raises(KeyboardInterrupt) as error:
            lit_adv.average(models, IMAGES, LABELS, BIM, out=tmp_path, **options)  # type: ignore[arg-type]
        assert error.value.__notes__ == [f"what is done is kept in {tmp_path / 'partial'}; the same call continues"]
        assert not (tmp_path / MANIFEST).exists()
        assert list((tmp_path / "partial").glob("*.safetensors"))
    models[1].passes.left = -1
    found = lit_adv.average(models, IMAGES, LABELS, BIM, out=tmp_path, **options)  # type: ignore[arg-type]
    assert torch.equal(found.perturbation, expected.perturbation)
    assert torch.equal(PerturbationSet.load(tmp_path).perturbation, expected.perturbation)
    assert not (tmp_path / "partial").exists()
    assert "28 of 60 perturbations are done already; continuing" in capsys.readouterr().err


def test_a_finished_run_is_read_and_another_refused(tmp_path: Path) -> None:
    models = [Interrupting(network(seed)).eval() for seed in range(2)]
    first = lit_adv.average(models, IMAGES, LABELS, BIM, out=tmp_path)
    for model in models:
        model.passes.left = 2  # one pass looks at the model; a second would interrupt
    again = lit_adv.average(models, IMAGES, LABELS, BIM, out=tmp_path)
    assert torch.equal(first.perturbation, again.perturbation)
    for model in models:
        model.passes.left = -1
    with pytest.raises(InputError, match=r"different finished run \(attack.steps: 3 there, 2 here\)"):
        lit_adv.average(models, IMAGES, LABELS, lit_adv.BIM(epsilon=0.2, steps=2), out=tmp_path)
    other = lit_adv.average(models, IMAGES, LABELS, lit_adv.BIM(epsilon=0.2, steps=2), out=tmp_path, restart=True)
    assert other.manifest.attack.parameters["steps"] == 2


def test_a_run_with_other_weights_is_not_continued(tmp_path: Path) -> None:
    models = [Interrupting(network(seed)).eval() for seed in range(2)]
    models[1].passes.left = 2
    with pytest.raises(KeyboardInterrupt):
        lit_adv.average(models, IMAGES, LABELS, BIM, out=tmp_path, fast=False)
    with torch.no_grad():
        next(models[0].parameters()).add_(1)
    with pytest.raises(InputError, match="different unfinished run"):
        lit_adv.average(models, IMAGES, LABELS, BIM, out=tmp_path, fast=False)


def test_fast_forms_are_the_same_functions() -> None:
    models = [network(seed).double() for seed in range(2)]
    quick, exact = (
        lit_adv.average(models, IMAGES.double(), LABELS, lit_adv.Gradient(), fast=fast) for fast in (True, False)
    )
    torch.testing.assert_close(quick.perturbation, exact.perturbation, rtol=1e-5, atol=1e-10)


class Chosen(nn.Module):
    """Takes another path than usual while torch.fx traces it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = network(0)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x)
        return logits.flip(1) if isinstance(x, torch.fx.Proxy) else logits


def test_a_fast_form_that_is_another_function_is_not_used() -> None:
    quick, exact = (lit_adv.average([Chosen().eval()], IMAGES, LABELS, BIM, fast=fast) for fast in (True, False))
    assert torch.equal(quick.perturbation, exact.perturbation)


def test_nothing_that_is_handed_over_changes() -> None:
    model = network(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    images, labels = IMAGES.clone(), LABELS.clone()
    state, frozen = torch.get_rng_state(), gc.get_freeze_count()
    found = lit_adv.average([model], images, labels, BIM, copies=2, sigma=0.2)
    assert torch.equal(torch.get_rng_state(), state)
    assert gc.get_freeze_count() == frozen
    assert torch.equal(images, IMAGES)
    assert torch.equal(labels, LABELS)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    images.zero_()
    assert torch.equal(found.image, IMAGES)


class Normalised(nn.Module):
    """A network with a setting that its representation does not show."""

    def __init__(self, mean: float) -> None:
        super().__init__()
        self.mean = mean
        self.network = network(0)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network((x - self.mean) / 0.3)
        return logits


NETWORKS = {"a": network(0), "b": network(1)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Normalised(0.1), Normalised(0.9)),
        (lambda x: NETWORKS["a"](x), lambda x: NETWORKS["b"](x)),
        (lambda x: NETWORKS["a"](x), lambda x: 3 * NETWORKS["a"](1 - x)),
        (network(0), network(0).double()),
    ],
)
def test_a_folder_of_another_model_is_refused(tmp_path: Path, one: nn.Module, other: nn.Module) -> None:
    double = isinstance(other, nn.Sequential)
    lit_adv.average([one], IMAGES, LABELS, BIM, out=tmp_path)
    assert lit_adv.average([one], IMAGES, LABELS, BIM, out=tmp_path).count.tolist() == [1] * 10
    with pytest.raises(InputError, match="different finished run"):
        lit_adv.average([other], IMAGES.double() if double else IMAGES, LABELS, BIM, out=tmp_path)


def test_targets_tell_runs_apart(tmp_path: Path) -> None:
    def run(targets: Tensor | None, out: Path, passes: int = -1) -> PerturbationSet:
        model = Interrupting(network(0)).eval()
        model.passes.left = passes
        return lit_adv.average([model], IMAGES, LABELS, BIM, targets=targets, out=out, batch_size=2, fast=False)

    one, other = ((LABELS + step) % 10 for step in (1, 2))
    assert run(one, tmp_path / "finished").manifest.data.targeted
    for targets in (other, None):
        with pytest.raises(InputError, match="different finished run"):
            run(targets, tmp_path / "finished")
    with pytest.raises(KeyboardInterrupt):
        run(one, tmp_path / "begun", passes=8)
    for targets in (other, None):
        with pytest.raises(InputError, match="different unfinished run"):
            run(targets, tmp_path / "begun")
    assert run(one, tmp_path / "begun").target is not None
    found = lit_adv.average(
        [network(0)], IMAGES.repeat(2, 1, 1, 1), LABELS.repeat(2), BIM, targets=torch.cat([one, other])
    )
    assert found.manifest.data.details["targets"] == [*one.tolist(), *other.tolist()]


def test_other_precisions(tmp_path: Path) -> None:
    for dtype, name in ((torch.float64, "float64"), (torch.bfloat16, "bf16"), (torch.float32, "float32")):
        models = [network(seed).to(dtype) for seed in range(2)]
        found = lit_adv.average(models[:1], IMAGES.to(dtype), LABELS, BIM)
        assert found.manifest.precision == name
        assert lit_adv.evaluate(found, {"held out": models[1]})["held out"].clean.value <= 1


def test_models_in_lists_are_found() -> None:
    networks = [nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10)) for _ in range(2)]
    before = networks[0].state_dict()["1.running_mean"].clone()

    def ensemble(x: Tensor) -> Tensor:
        return torch.stack([one(x) for one in networks]).mean(0)

    with pytest.raises(InputError, match="ensemble-0 is in training mode"):
        lit_adv.average(ensemble, IMAGES, LABELS, BIM)
    assert torch.equal(networks[0].state_dict()["1.running_mean"], before)
    for one in networks:
        one.eval()
    assert lit_adv.average(ensemble, IMAGES, LABELS, BIM).count.tolist() == [1] * 10


def test_a_default_device_elsewhere() -> None:
    models = [network(0)]
    expected = lit_adv.average(models, IMAGES, LABELS, BIM, copies=2, sigma=0.1)
    torch.set_default_device("meta")
    try:
        found = lit_adv.average(models, IMAGES, LABELS, BIM, copies=2, sigma=0.1)
    finally:
        torch.set_default_device(None)
    assert torch.equal(found.perturbation, expected.perturbation)


def test_numpys_whole_numbers(tmp_path: Path) -> None:
    found = lit_adv.average([network(0)], IMAGES, LABELS, BIM, copies=np.int64(2), seed=np.int64(1), sigma=0.1)
    found.save(tmp_path)
    assert PerturbationSet.load(tmp_path).manifest.copies == 2


def test_exported_programs() -> None:
    batch = torch.export.Dim("batch")
    program = torch.export.export(network(0), (IMAGES,), dynamic_shapes=({0: batch},)).module()
    found, expected = (
        lit_adv.average([model], IMAGES, LABELS, lit_adv.Gradient(), fast=False) for model in (program, network(0))
    )
    torch.testing.assert_close(found.perturbation, expected.perturbation, rtol=1e-3, atol=1e-7)


def test_own_images_are_described() -> None:
    found = lit_adv.average([network(0)], IMAGES, LABELS, BIM, class_names=list("abcdefghij"))
    assert found.data_set.class_names() == tuple("abcdefghij")
    assert found.data_set.mean == pytest.approx([float(IMAGES.mean())], abs=1e-5)
    assert found.data_set.std == pytest.approx([float(IMAGES.std(correction=0))], abs=1e-5)


def test_a_set_of_own_images_is_read_again(tmp_path: Path) -> None:
    found = lit_adv.average([network(0)], IMAGES, LABELS, BIM)
    found.save(tmp_path)
    read = PerturbationSet.load(tmp_path)
    assert torch.equal(read.perturbation, found.perturbation)
    assert read.data_set.mean == found.data_set.mean
