"""Real runs recorded by W&B without a login, read back."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from datamodules.labelled import Labelled
from datamodules.mnist import embedded_digits
from lit_adv import attack_module
from lit_adv.cli import main, run_command
from lit_adv.cli.options import underscored
from lit_adv.data_sets import DATA_SETS
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.manifest import versions
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.perturbations.rendering import matched, show_targeted
from lit_adv.tracking.records import COLUMNS, FIGURES, PICTURES, PREDICT_FIGURES, TABLE, Experiment, values_of
from lit_adv.tracking.wandb_run import say_where
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM, TINY_RECIPE, Run
from tests.wandb_records import Recorded, recorded
from trainers.mnist_zoo import mnist_models, train_mnist_zoo
from trainers.train_model import train_model

WANDB = ["--wandb", "tests"]


@pytest.fixture(scope="module", autouse=True)
def no_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither a login nor a setting of the person who runs the tests."""
    empty = tmp_path_factory.mktemp("wandb")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
            patch.setenv(name, str(empty))
        patch.setenv("NETRC", str(empty / "netrc"))
        yield


def words(zoo: Zoo, out: Path, *more: str, name: str = "mnist-nmm-bim") -> list[str]:
    return ["predict", "--config", name, "--zoo", str(zoo.path), "--out", str(out), *BIM, *more]


@pytest.fixture(scope="module")
def tracked(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that was made in one process, and tested by two models, of which the attack used one."""
    out = tmp_path_factory.mktemp("tracked")
    main([*words(zoo, out), *WANDB])
    judges = ["--model.judges", "[model-000, model-001]", "--model.seed", "4"]
    main(["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(out), *judges, *WANDB])
    return out


def expected_config(found: PerturbationSet, zoo: Zoo) -> dict[str, Any]:
    return {
        "setting": "NMM",
        "attack": "BIM",
        "attack_epsilon": 0.2,
        "attack_steps": 4,
        "attack_step_size": None,
        "attack_clip": None,
        "targeted": found.target is not None,
        "sigma": 0.2,
        "copies": 3,
        "models": 3,
        "zoo": zoo.path.name,
        "data": "mnist",
        "images": 10,
        "seed": 0,
        "weight": "none",
        "exact": False,
        "precision": "float32",
        "device": "cpu",
        "test_epsilon": 0.2,
        **{f"version_{name}": number for name, number in versions().items()},
    }


def in_bytes(pictures: Tensor) -> np.ndarray[Any, Any]:
    return np.rint(pictures[:, 0].clamp(0, 1).numpy() * 255).astype(np.uint8)


def check_pictures(run: Recorded, found: PerturbationSet) -> None:
    """One image of each class, as in the thesis, and none of them black."""
    data = DATA_SETS["mnist"]
    delta = found.perturbation
    shown = matched(-delta, data.mean, data.std) if found.target is None else 0.5 + show_targeted(delta) / 2
    expected = [found.image, shown, found.image + 0.2 * delta.sign()]
    for key, pictures in zip(PICTURES, expected, strict=True):
        names = run.summary[f"{key}.filenames"]
        got = np.stack([np.asarray(Image.open(run.files / name)) for name in names])
        assert got.dtype == np.uint8
        assert np.abs(got.astype(int) - in_bytes(pictures).astype(int)).max() <= 1  # halves are rounded either way
        assert (got.mean((1, 2)) > 10).all()
        assert (got.std((1, 2)) > 10).all()


def test_predict(zoo: Zoo, tracked: Path) -> None:
    run = recorded(tracked)[0]
    found = PerturbationSet.load(tracked)
    assert (run.project, run.group, run.job_type) == ("tests", f"mnist-{zoo.path.name}", "predict")
    assert (run.name, run.exit_code) == ("mnist-nmm-bim", 0)
    assert run.config == expected_config(found, zoo)
    assert [run.summary[key] for key in ("images", "perturbations", "perturbations_made")] == [10, 90, 90]
    assert run.summary["perturbations_per_second"] == pytest.approx(90 / run.summary["seconds"])
    assert run.summary["delta_mean_abs"] == pytest.approx(found.perturbation.abs().mean().item())
    assert run.summary["delta_max_abs"] == pytest.approx(found.perturbation.abs().max().item())
    assert run.summary["models_left_out"] == 0
    assert set(PREDICT_FIGURES) <= set(run.summary)
    assert run.summary[f"{PICTURES[0]}.captions"] == [f"class {digit}" for digit in range(10)]
    check_pictures(run, found)


def test_test(zoo: Zoo, tracked: Path) -> None:
    made, run = recorded(tracked)
    found, evaluation = PerturbationSet.load(tracked), Evaluation.load(tracked / EVALUATION)
    assert (run.project, run.group, run.job_type) == ("tests", made.group, "test")
    assert (run.name, run.exit_code) == (made.name, 0)
    assert run.id != made.id
    own = {"test_seed": 4, "judges": ["model-000", "model-001"]}
    assert run.config == {**expected_config(found, zoo), **own}
    judges = evaluation.judges
    assert [name for name, judge in judges.items() if judge.cross] == ["model-002", "model-003"]
    assert run.summary["cross/recognized"] == evaluation.cross.recognized.value  # type: ignore[union-attr]
    assert judges["model-001"].without == 1
    for key in FIGURES:
        own_rows = {name: judge for name, judge in judges.items() if not judge.cross}
        values = [values_of(judge)[key] for judge in own_rows.values()]
        assert [run.summary[f"{key}/{name}"] for name in own_rows] == values
        assert run.summary[key] == pytest.approx(sum(map(float, values)) / 2)
    check_pictures(run, found)
    table = json.loads((run.files / run.summary[f"{TABLE}.path"]).read_text())
    assert table["columns"] == list(COLUMNS)
    shared = ["NMM BIM", "NMM", "BIM", 9, 0.2]
    assert table["data"] == [
        [*shared, name, judge.white_box, judge.cross, *values_of(judge).values()] for name, judge in judges.items()
    ]


def check_targeted(zoo: Zoo, out: Path) -> None:
    (run,) = recorded(out)
    found = PerturbationSet.load(out)
    assert (run.group, run.job_type, run.name) == ("digits that look alike", "predict", "mnist-nmm-bim-targeted")
    assert run.exit_code == 0
    assert run.config == expected_config(found, zoo)
    assert run.summary["perturbations_made"] == 90
    assert run.summary[f"{PICTURES[1]}.captions"][:2] == ["class 0 to 6", "class 1 to 7"]
    check_pictures(run, found)


TARGETED = [*WANDB, "--wandb-group", "digits that look alike"]


def test_a_targeted_run(zoo: Zoo, tmp_path: Path) -> None:
    main(words(zoo, tmp_path, *TARGETED, name="mnist-nmm-bim-targeted"))
    check_targeted(zoo, tmp_path)


@pytest.mark.soak
def test_two_processes_are_one_run(zoo: Zoo, run: Run, tmp_path: Path) -> None:
    more = ["--trainer.devices", "2", *TARGETED]
    done = run("-m", "lit_adv", *words(zoo, tmp_path, *more, name="mnist-nmm-bim-targeted"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("W&B: offline, recorded in ") == 1
    assert f"wandb sync {tmp_path}/wandb/offline-run-*" in done.stderr
    check_targeted(zoo, tmp_path)


def test_a_finished_set_opens_no_run(zoo: Zoo, tracked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*words(zoo, tracked), *WANDB])
    captured = capsys.readouterr()
    assert "holds this perturbation set already" in captured.out
    assert captured.err == ""
    assert len(recorded(tracked)) == 2


def test_a_run_that_is_signalled_and_continued_is_the_same(
    zoo: Zoo, tracked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    perturb = attack_module.perturb_batch
    calls: list[int] = []

    def signalled(*arguments: Any) -> Tensor:
        calls.append(len(calls))
        if len(calls) == 5:
            signal.raise_signal(signal.SIGTERM)
        return perturb(*arguments)

    monkeypatch.setattr(attack_module, "perturb_batch", signalled)
    with pytest.raises(SystemExit, match="143"):
        main([*words(zoo, tmp_path), *WANDB])
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    main([*words(zoo, tmp_path), *WANDB])
    first, second = recorded(tmp_path)
    assert (first.exit_code, second.exit_code) == (143, 0)
    assert first.id == second.id
    assert "perturbations" not in first.summary
    assert first.config == second.config
    assert [second.summary[key] for key in ("perturbations", "perturbations_made")] == [90, 60]
    assert torch.equal(PerturbationSet.load(tmp_path).perturbation, PerturbationSet.load(tracked).perturbation)


def test_fit(tmp_path: Path) -> None:
    """The model is the same as without W&B, bit for bit."""
    digits = embedded_digits()
    few = Labelled(*(part[::16] for part in astuple(digits)))
    recipe = replace(TINY_RECIPE, batch_size=4)
    model = mnist_models(2, width=2)[1]
    spec = train_model(recipe, model, few, tmp_path / "small", experiment=Experiment("tests"))
    assert spec.checksum == train_model(recipe, model, few, tmp_path / "plain").checksum
    (run,) = recorded(tmp_path / "small")
    assert (run.project, run.group, run.job_type, run.exit_code) == ("tests", "mnist-small", "fit", 0)
    wanted = {**asdict(recipe), "name": "model-001", "role": "source", "architecture": "vgg16_like", "width": 2}
    wanted |= {"snapshots": []}  # W&B has no tuples
    assert {**run.config, **wanted, "zoo": "small", "train_images": 250} == run.config
    assert (run.name, run.summary["accuracy"]) == ("model-001", pytest.approx(spec.training["accuracy"]))
    curve = [entry["train_loss"] for entry in run.history if "train_loss" in entry]
    assert len(curve) == 1  # every 50 steps, of 62
    assert curve[0] > 0
    assert 0 <= run.summary["train_accuracy"] <= 1


def test_where_the_records_are_is_said_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    say_where(tmp_path)
    assert capsys.readouterr().err.splitlines() == [
        f"W&B: offline, recorded in {tmp_path}/wandb; to upload: wandb sync {tmp_path}/wandb/offline-run-*"
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--wandb", "lit/adv"], "cannot contain characters"),
        (["--wandb", "x" * 129], "a name has 1 to 128 characters"),
        (["--wandb="], "a name has 1 to 128 characters"),
        (["--wandb", "tests", "--wandb-group", " "], "--wandb-group ' ': a name has 1 to 128 characters"),
        (["--wandb-group", "some"], "give --wandb PROJECT too"),
    ],
)
def test_bad_names(
    zoo: Zoo, tracked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    test = ["test", "--config", "mnist-test", "--zoo", str(zoo.path), "--out", str(tracked)]
    for command in (words(zoo, tmp_path / "out"), test):
        with pytest.raises(SystemExit, match="2"):
            main([*command, *more])
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("lit-adv: ")
        assert message in line
    assert not (tmp_path / "out").exists()
    assert len(recorded(tracked)) == 2


def test_scripts_take_the_same_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["train_mnist_zoo.py", "--out", str(tmp_path / "a-zoo"), "--wandb-group=a-group"])
    with pytest.raises(SystemExit, match="2"):
        run_command(train_mnist_zoo)
    expected = "lit-adv: --wandb-group is for runs that are recorded; give --wandb PROJECT too"
    assert capsys.readouterr().err.strip() == expected
    assert underscored(["--wandb-group=a-b", "--out", "c-d", "--e-f"]) == ["--wandb_group=a-b", "--out", "c-d", "--e_f"]


def test_without_the_option_wandb_is_not_imported(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # importing it now raises ImportError
    main(words(zoo, tmp_path, "--data.copies", "1", name="mnist-sm-bim"))
    assert not (tmp_path / "wandb").exists()


@pytest.mark.soak
def test_no_module_of_a_run_imports_wandb_by_itself_and_a_login_is_seen(zoo: Zoo, run: Run, tmp_path: Path) -> None:
    program = """
import os, sys
from lit_adv.cli import main
main(sys.argv[1:])
import callbacks.weights_and_biases, trainers.mnist_zoo
print("imported:", "wandb" in sys.modules)
from lit_adv.tracking.wandb_run import is_offline
print("offline:", is_offline())
os.environ["WANDB_API_KEY"] = "0123456789" * 4
print("with a login:", is_offline(), flush=True)
os._exit(0)  # W&B's own end can wait for its service for ever
"""
    done = run("-c", program, *words(zoo, tmp_path, "--data.copies", "1", name="mnist-sm-bim"))
    assert done.stdout.splitlines() == ["imported: False", "offline: True", "with a login: False"], done.stderr
