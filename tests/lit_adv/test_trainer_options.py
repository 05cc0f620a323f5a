"""Every option of Lightning's trainer is refused, or leaves a set's bits alone."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import Precision
from pytorch_lightning.strategies import DDPStrategy

from callbacks.perturbation_average import PerturbationAverage
from datamodules.mnist import MNIST
from datamodules.perturbations import Perturbations
from lit_adv.attack_module import AttackModule
from lit_adv.attacks import BIM
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.evaluation.module import EvaluationModule
from lit_adv.trainer_options import refuse_options
from lit_adv.zoo.zoo import Zoo
from tests.helpers import BIM as WORDS
from tests.helpers import predict, same

REFUSED: dict[str, tuple[object, str]] = {
    "precision": ("bf16-mixed", r"precision is bf16-mixed; leave .* --model\.precision bf16"),
    "limit_predict_batches": (2, "limit_predict_batches is 2, which leaves batches out"),
    "limit_test_batches": (0.5, "limit_test_batches is 0.5, which leaves batches out"),
    "overfit_batches": (1, "overfit_batches is 1, which leaves batches out"),
    "fast_dev_run": (True, "fast_dev_run is True, which leaves batches out"),
    "max_time": ("00:00:00:01", "max_time ends training only"),
    "benchmark": (True, "benchmark mode is on"),
    "strategy": ("ddp_spawn", "strategy is spawn; use ddp"),
}
"""Argument to a value that is refused, and the message's words."""
LET_BE: dict[str, object] = {
    "barebones": True,
    "callbacks": None,
    "default_root_dir": None,
    "detect_anomaly": False,
    "deterministic": True,
    "enable_checkpointing": True,
    "enable_model_summary": True,
    "enable_progress_bar": True,
    "inference_mode": True,
    "logger": False,
    "plugins": None,
    "profiler": "simple",
    "use_distributed_sampler": True,  # in a single process; refused among several
    "accelerator": "cpu",
    "devices": 1,
    "num_nodes": 1,
}
"""Argument that predict and test heed to a value with which the bits are the same."""
OF_TRAINING = {
    "max_epochs", "min_epochs", "max_steps", "min_steps", "limit_train_batches", "limit_val_batches",
    "val_check_interval", "check_val_every_n_epoch", "num_sanity_val_steps", "log_every_n_steps",
    "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "sync_batchnorm",
    "reload_dataloaders_every_n_epochs", "enable_autolog_hparams", "model_registry",
}  # fmt: skip
"""Arguments that neither predict nor test heeds."""


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    """Lightning's arguments set torch's own settings."""
    yield
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(False)


def trainer(out: Path, **options: Any) -> pl.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "barebones": False}
    shared = {"accelerator": "cpu", "devices": 1, "callbacks": [PerturbationAverage()], "default_root_dir": out}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pl.Trainer(**{**quiet, "enable_checkpointing": False, **shared, **options})


def test_every_argument_of_lightning_s_trainer_is_judged() -> None:
    arguments = set(inspect.signature(pl.Trainer.__init__).parameters) - {"self"}
    assert arguments == REFUSED.keys() | LET_BE.keys() | OF_TRAINING
    assert not REFUSED.keys() & LET_BE.keys()
    assert not OF_TRAINING & (REFUSED.keys() | LET_BE.keys())


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", [AttackModule, EvaluationModule])
def test_in_python(zoo: Zoo, nmm: Path, tmp_path: Path, name: str, kind: Callable[..., pl.LightningModule]) -> None:
    value, message = REFUSED[name]
    warnings.simplefilter("ignore")
    if kind is AttackModule:
        made = trainer(tmp_path / "out", **{name: value})
        module, data = AttackModule(zoo.path, BIM(epsilon=0.2)), MNIST(copies=1, costs=[1.0] * 3, stackable=False)
        with pytest.raises(InputError, match=message):
            refuse_options(made) if name == "strategy" else made.predict(module, datamodule=data)
        assert not (tmp_path / "out").exists()
    elif name != "strategy":
        before = sorted(nmm.iterdir())
        made = trainer(nmm, callbacks=None, **{name: value})
        with pytest.raises(InputError, match=message):
            made.test(EvaluationModule(zoo.path, 0.2), datamodule=Perturbations())
        assert sorted(nmm.iterdir()) == before


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("verb", ["predict", "test"])
def test_on_the_command_line(
    zoo: Zoo, nmm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, verb: str
) -> None:
    words = ["predict", "--config", "mnist-nmm-bim", "--out", str(tmp_path / "out"), *WORDS]
    if verb == "test":
        words = ["test", "--config", "mnist-test", "--out", str(nmm), "--trainer.accelerator", "cpu"]
    before = sorted(nmm.iterdir())
    value = str(REFUSED[name][0]).lower()
    warnings.simplefilter("ignore")
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--zoo", str(zoo.path), f"--trainer.{name}", value])
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("lit-adv: "))
    assert name.split("_")[0] in line
    assert not (tmp_path / "out").exists()
    assert sorted(nmm.iterdir()) == before


@pytest.mark.parametrize("name", [name for name, value in LET_BE.items() if value is True or name == "profiler"])
def test_what_is_let_be_leaves_the_bits_alone(zoo: Zoo, nmm: Path, tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predict("mnist-nmm-bim", zoo, tmp_path, *WORDS, f"--trainer.{name}", str(LET_BE[name]).lower())
    assert same(tmp_path, nmm)


def test_lightning_s_variables_are_seen_too(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning takes arguments that are not given from PL_TRAINER_…."""
    monkeypatch.setenv("PL_TRAINER_LIMIT_PREDICT_BATCHES", "2")
    with pytest.raises(InputError, match="limit_predict_batches is 2"):
        refuse_options(trainer(tmp_path))


class Coarse(Precision):
    """A user's own."""

    precision = "32-true"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plugins": Coarse()}, "precision"),
        ({"strategy": DDPStrategy(start_method="fork"), "devices": 2}, "strategy is fork"),
        ({"strategy": "ddp", "devices": 2}, "use_distributed_sampler is true"),
        ({"limit_predict_batches": 1}, "limit_predict_batches is 1"),  # one batch, not all
    ],
)
def test_what_only_python_can_give(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        refuse_options(trainer(tmp_path, **options))


def test_autocast_and_torch_s_default_type(tmp_path: Path) -> None:
    made = trainer(tmp_path, strategy="auto", limit_train_batches=2)
    refuse_options(made)
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(InputError, match="autocast is on"):
        refuse_options(made)
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(InputError, match=r"default type is torch\.float64"):
            refuse_options(made)
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_checkpoint_would_replace_the_judges(nmm: Path, zoo: Zoo, tmp_path: Path) -> None:
    made = trainer(nmm, callbacks=None)
    torch.save({"state_dict": {}, "pytorch-lightning_version": pl.__version__}, tmp_path / "some.ckpt")
    with pytest.raises(InputError, match="leave ckpt_path out"):
        made.test(EvaluationModule(zoo.path, 0.2), datamodule=Perturbations(), ckpt_path=str(tmp_path / "some.ckpt"))
