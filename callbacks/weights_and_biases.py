"""Runs of `fit`, `predict` and `test` as Weights & Biases runs of one project."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.loggers import WandbLogger

from callbacks.perturbation_average import PerturbationAverage
from callbacks.run_description import attack_and_data
from lit_adv.errors import InputError
from lit_adv.evaluation.module import EvaluationModule
from lit_adv.evaluation.result import Evaluation
from lit_adv.perturbations.manifest import Manifest, versions
from lit_adv.perturbations.perturbation_set import EVALUATION, PerturbationSet
from lit_adv.tracking.records import (
    COLUMNS,
    TABLE,
    Experiment,
    default_group,
    identity,
    judged_figures,
    pictures,
    predict_figures,
    run_name,
    settings,
    table_rows,
)
from lit_adv.tracking.wandb_run import exit_code, open_run, say_where


class WandbRun(pl.Callback):
    """One W&B run for a job of any number of processes, opened and closed by the first.

    Args:
        experiment: project and group.
        zoo: folder, file or name of the zoo.
    """

    def __init__(self, experiment: Experiment, zoo: Path) -> None:
        self.experiment = experiment
        self.zoo = zoo
        self.logger: WandbLogger | None = None

    def open(
        self, trainer: pl.Trainer, manifest: Manifest, job: Literal["predict", "test"], key: str, **more: Any
    ) -> None:
        """Opens the run and makes it the trainer's logger.

        Args:
            trainer: trainer whose `default_root_dir` takes the records.
            manifest: description of the set.
            job: job type.
            key: identity of the run, see `open_run`.
            more: settings of the job itself.
        """
        config = settings(manifest, self.zoo)
        folder = Path(trainer.default_root_dir)
        self.logger = open_run(
            self.experiment,
            folder,
            {**config, **more},
            job=job,
            name=run_name(config),
            group=default_group(config["data"], self.zoo),
            key=key,
        )
        if self.logger.experiment.offline:
            say_where(folder)
        trainer.loggers = [*trainer.loggers, self.logger]

    def close(self, found: PerturbationSet, epsilon: float, figures: Mapping[str, float], **more: Any) -> None:
        """Records pictures and figures and ends the run.

        Args:
            found: finished set.
            epsilon: ε of the adversarial examples.
            figures: figures for the summary.
            more: other values to log, by key.
        """
        import wandb

        assert self.logger is not None
        shown, captions = pictures(found, epsilon)
        images = {
            key: [wandb.Image(picture, caption=caption) for picture, caption in zip(batch, captions, strict=True)]
            for key, batch in shown.items()
        }
        run = self.logger.experiment
        run.config.update(settings(found.manifest, self.zoo), allow_val_change=True)
        run.log({**images, **more})
        run.summary.update(figures)
        run.finish()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        if self.logger is not None:
            self.logger.experiment.finish(exit_code=exit_code(exception))


class PredictRun(WandbRun):
    """W&B run of `predict`; it comes after `PerturbationAverage`, so that a finished set opens none."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if not trainer.is_global_zero:
            return
        _, data = attack_and_data(trainer, pl_module)
        run = next(one for one in trainer.callbacks if isinstance(one, PerturbationAverage)).manifest  # type: ignore[attr-defined]
        self.open(
            trainer,
            replace(run, versions=versions()),
            "predict",
            identity(run.to_json()),
            test_epsilon=run.data.data_set.epsilon,
        )
        self._before = sum(data.plan.rows(number) for number in data.done.nonzero()[:, 0].tolist())
        self._started = time.monotonic()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.logger is not None:
            seconds = time.monotonic() - self._started
            found = PerturbationSet.load(Path(trainer.default_root_dir))
            epsilon = found.data_set.epsilon
            self.close(found, epsilon, predict_figures(found, int(found.count.sum()) - self._before, seconds))


class TestRun(WandbRun):
    """W&B run of `test`."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if not trainer.is_global_zero:
            return
        if not isinstance(pl_module, EvaluationModule):
            raise InputError(
                f"test runs of an EvaluationModule are recorded; derive {type(pl_module).__name__} from it"
            )
        manifest = PerturbationSet.load(Path(trainer.default_root_dir)).manifest
        own = {
            "test_epsilon": pl_module.epsilon,
            "test_seed": pl_module.seed,
            "judges": [spec.name for spec in pl_module.specs],
        }
        self.open(trainer, manifest, "test", identity(manifest.sha256, own), **own)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self.logger is not None:
            import wandb

            folder = Path(trainer.default_root_dir)
            evaluation = Evaluation.load(folder / EVALUATION)
            table = wandb.Table(columns=list(COLUMNS), data=table_rows(evaluation))
            self.close(PerturbationSet.load(folder), evaluation.epsilon, judged_figures(evaluation), **{TABLE: table})
