"""`lit-adv predict` and `lit-adv test`: Lightning's command line, with packaged configurations by name."""

import logging
import warnings
from argparse import ArgumentError
from pathlib import Path
from typing import Any, Final, Literal

from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from callbacks.end_launched import EndLaunched
from callbacks.perturbation_average import PerturbationAverage
from callbacks.run_description import attack_and_data, attack_and_data_of
from lit_adv.attack_module import AttackModule
from lit_adv.cli.launch import refuse_launch
from lit_adv.cli.option_errors import clear
from lit_adv.cli.options import add_trust, named_path
from lit_adv.configs import expand
from lit_adv.errors import InputError
from lit_adv.processes import end_with_launcher, process_number
from lit_adv.trainer_options import refuse_options

PREDICT: Final = ("restart", "skip_failed", "growth", "groups", "weight", "until", "plan")
"""Options that `test` has no use for."""
PARSER: Final = {"exit_on_error": False, "allow_abbrev": False}
"""Options of the parsers: errors are raised, and `--rest` is not `--restart`, which deletes."""


def lightning(words: list[str]) -> None:
    """Runs Lightning's `predict` or `test`.

    Args:
        words: the command and its options.

    Raises:
        InputError: an option makes no sense, or the run cannot be made.
        AlreadyDone: the run is finished already.
    """
    end_with_launcher()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")  # the batches are made in memory
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning's own use of torch
    warnings.filterwarnings("ignore", message="Total length of .* is zero")  # all was done before, and is summed now
    Command(
        LightningModule,
        LightningDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        save_config_callback=None,
        seed_everything_default=False,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
        parser_kwargs=dict.fromkeys(("predict", "test"), PARSER) | PARSER,
        args=expand(words),
    )


class Command(LightningCLI):
    """Lightning's command line with the options of a run."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        of_checkpoints = {"ckpt_path", "weights_only"}  # models come from the zoo
        return {verb: LightningCLI.subcommands()[verb] | of_checkpoints for verb in ("predict", "test")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--zoo", required=True, type=_path_word, help="the folder of trained models, or a zoo file or its name"
        )
        parser.add_argument(
            "--out", required=True, type=_path_word, help="the run's folder: its perturbation set and evaluation"
        )
        add_trust(parser)
        parser.add_argument(
            "--restart", action="store_true", help="predict: delete what the run's folder holds, and begin anew"
        )
        parser.add_argument(
            "--skip-failed",
            action="store_true",
            help="predict: go on without source models that cannot be loaded or attacked",
        )
        parser.add_argument(
            "--growth",
            action="store_true",
            help="predict: keep sums that tell how the averages grow with the numbers of models and copies",
        )
        parser.add_argument(
            "--groups",
            type=int | None,
            metavar="K",
            help="predict: keep the sums of K groups of source models, so that each may judge the average of the "
            "others (default: 10, or the number of models)",
        )
        parser.add_argument(
            "--weight",
            type=Literal["none", "norm"],
            default="none",
            help="predict: norm scales each perturbation to the same L2 norm, so that no model outweighs the others",
        )
        parser.add_argument(
            "--until",
            type=float | None,
            metavar="RHO",
            help="predict: take models and copies bit by bit, and stop once the averages are as reliable as this for "
            "nine of ten images: the cosine of two independent averages, 0 to 1",
        )
        parser.add_argument(
            "--plan",
            type=int | Literal["run"],
            nargs="?",
            const="run",
            metavar="PROCESSES",
            help="predict: only say what would be done, how long it would take, and what each of PROCESSES processes "
            "would do (the images are downloaded if they are missing)",
        )
        parser.add_argument("--wandb", metavar="PROJECT", help="record the run in this Weights & Biases project")
        parser.add_argument(
            "--wandb-group", metavar="EXPERIMENT", help="its group there (default: the data set and the zoo's name)"
        )
        parser.link_arguments("zoo", "model.init_args.zoo")
        parser.link_arguments("trust", "model.init_args.trust")
        parser.link_arguments("out", "trainer.default_root_dir")
        parser.link_arguments("model", "data.init_args.costs", compute_fn=_costs, apply_on="instantiate")
        parser.link_arguments("model", "data.init_args.stackable", compute_fn=_stackable, apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parser.parse_args(args)
        except ArgumentError as error:
            raise InputError(clear(str(error), parser)) from error

    def before_instantiate_classes(self) -> None:
        chosen = self.config[self.subcommand]
        if self.subcommand == "predict":
            if chosen.skip_failed:
                chosen.model.init_args.skip_failed = True
            refuse_until(chosen)
        elif given := [name for name in PREDICT if chosen[name] not in (None, False, "none")]:
            raise InputError(f"--{given[0].replace('_', '-')} is for predict")

    def instantiate_trainer(self, **options: Any) -> Trainer:
        try:
            return super().instantiate_trainer(**options)
        except InputError:
            raise
        except (RuntimeError, ValueError, TypeError, KeyError, ImportError) as error:
            raise InputError(f"Lightning's trainer refuses these options or this launch: {error}") from error

    def before_predict(self) -> None:
        self._check_trainer()
        chosen = self.config["predict"]
        growth, groups = False, None
        for callback in self.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, PerturbationAverage):
                callback.restart |= chosen.restart
                growth = callback.growth = callback.growth or chosen.growth
                groups = callback.groups = callback.groups if chosen.groups is None else chosen.groups
                callback.weight = callback.weight if chosen.weight == "none" else chosen.weight
                callback.until = chosen.until
        if chosen.until is not None:
            self._stage()
        if chosen.plan is not None:
            if process_number() == 0:
                from lit_adv.cli.plan import dry_run

                self.trainer.datamodule = self.datamodule  # type: ignore[attr-defined]  # as trainer.predict will
                module, data = attack_and_data(self.trainer, self.model)
                processes = None if chosen.plan == "run" else chosen.plan
                dry_run(module, data, self.trainer, processes, groups, growth, chosen.weight, chosen.until)
            raise SystemExit(0)
        self._prepare("PredictRun")

    def _stage(self) -> None:
        module, data = attack_and_data_of(self.model, self.datamodule)
        if len(module.sources) < 2:
            raise InputError("--until needs at least two source models, for it compares them")
        data.staged = self.config["predict"].plan is None

    def before_test(self) -> None:
        self._check_trainer()
        self._prepare("TestRun")

    def _check_trainer(self) -> None:
        refuse_options(self.trainer)
        refuse_launch(self.trainer)

    def _prepare(self, callback: Literal["PredictRun", "TestRun"]) -> None:
        self.trainer.callbacks.append(EndLaunched())  # type: ignore[attr-defined]
        chosen = self.config[self.subcommand]
        if chosen.wandb is None and chosen.wandb_group is None:
            return
        from callbacks import weights_and_biases
        from lit_adv.tracking.records import Experiment

        if (experiment := Experiment.from_options(chosen.wandb, chosen.wandb_group)) is not None:
            recorded = getattr(weights_and_biases, callback)(experiment, Path(chosen.zoo))
            self.trainer.callbacks.append(recorded)  # type: ignore[attr-defined]


def refuse_until(chosen: Any) -> None:
    """Refuses a reliability that cannot be reached, and options that contradict `--until`.

    Raises:
        InputError: there is one.
    """
    if chosen.until is None:
        return
    if not 0 < chosen.until < 1:
        raise InputError(f"--until is {chosen.until:g}; a reliability is above 0 and below 1")
    for option in ("growth", "skip_failed"):
        if chosen[option]:
            raise InputError(f"--until and --{option.replace('_', '-')} contradict each other; leave one of them out")
    if chosen.groups == 1:
        raise InputError("--until compares groups of source models; --groups must be at least 2")


def _path_word(word: str) -> str:
    return str(named_path(word))  # text, which --print_config can write


def _costs(model: LightningModule) -> list[float]:
    return [spec.macs for spec in model.sources] if isinstance(model, AttackModule) else []


def _stackable(model: LightningModule) -> bool:
    return isinstance(model, AttackModule) and model.stackable
