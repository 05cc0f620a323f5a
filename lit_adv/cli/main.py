"""The command line: Lightning's verbs, packaged configurations by name, and errors in one line."""

import logging
import os
import shlex
import sys
import time
import warnings
from argparse import ArgumentError, ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Never

from lit_adv.configs import expand
from lit_adv.errors import AlreadyDone, InputError
from lit_adv.processes import process_number

PARENT = os.getppid()


def main(args: Sequence[str] | None = None) -> None:
    """Runs `lightning`, `lit-adv` or `python -m lit_adv`.

    Args:
        args: the words after the program's name; left out, `sys.argv[1:]`.
    """
    words = list(sys.argv[1:] if args is None else args)
    verbs = {"report": _report, "reproduce": _reproduce, "study": _study, "zoo": _zoo}
    if words and words[0] in verbs:
        run_guarded(verbs[words[0]], words[1:])
    else:
        run_guarded(_lightning, words)


def run_command(function: Callable[..., None]) -> None:
    """Runs a function with its parameters as the script's command-line options."""
    from jsonargparse import auto_cli

    run_guarded(lambda: auto_cli(function, underscored(sys.argv[1:]), exit_on_error=False, as_positional=False))


def underscored(words: Sequence[str]) -> list[str]:
    """Options such as `--wandb-group` spelt as the parameters they stand for, `--wandb_group`."""
    options = [word.partition("=") if word.startswith("--") else (word, "", "") for word in words]
    return [
        "--" + name[2:].replace("-", "_") + sign + value if name.startswith("--") else name
        for name, sign, value in options
    ]


def run_guarded(function: Callable[..., Any], *args: Any) -> None:
    """Calls a function; bad input becomes one line on standard error and exit code 2."""
    try:
        function(*args)
    except AlreadyDone as done:
        if process_number() == 0:
            print(done)
    except Exception as error:
        # jsonargparse wraps what a constructor raises.
        cause: BaseException | None = error
        while cause is not None and not _is_input(cause):
            cause = cause.__cause__
        if cause is None and not _lost_touch(error):
            raise
        lost = "lost touch with another process; start the same command again, what is done is kept"
        _fail(cause or InputError(f"{lost} ({error})"))


def _is_input(error: BaseException) -> bool:
    # Lightning's MisconfigurationException: devices that are not there, and the like.
    return isinstance(error, (InputError, ArgumentError)) or type(error).__name__ == "MisconfigurationException"


def _lost_touch(error: BaseException) -> bool:
    """Whether another process of the run has gone while this one waited for it."""
    signs = ("Connection closed", "Connection reset", "Connection was", "Broken pipe", "recv")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def _launcher_ended() -> bool:
    """Whether the first process, which launched this one, ends within some seconds; False in the first itself."""
    deadline = time.monotonic() + 10
    while process_number() > 0 and time.monotonic() < deadline:
        if os.getppid() != PARENT:
            return True
        time.sleep(0.1)
    return False


def _fail(error: BaseException) -> Never:
    # Most mistakes are found by every process, or end the first one, whereupon the others lose touch with it: the first
    # shall say them, once. A process that fails alone sees its parent live on, and speaks for itself.
    if _launcher_ended():
        raise SystemExit(2)
    print(f"lit-adv: {' '.join(str(error).split())}", file=sys.stderr)
    raise SystemExit(2)


def _lightning(words: list[str]) -> None:
    from pytorch_lightning import LightningDataModule, LightningModule
    from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

    class Command(LightningCLI):
        @staticmethod
        def subcommands() -> dict[str, set[str]]:
            return {verb: LightningCLI.subcommands()[verb] for verb in ("predict", "test")}

        def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
            parser.add_argument("--zoo", required=True, help="the folder of trained models, or a zoo file or its name")
            parser.add_argument("--out", required=True, help="the run's folder: its perturbation set and evaluation")
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
                help="predict: keep what tells how the averages grow with the numbers of models and copies",
            )
            parser.add_argument(
                "--plan",
                type=int | Literal["run"],
                nargs="?",
                const="run",
                metavar="PROCESSES",
                help="predict: only say what would be done, how long it would take, and what each of so many processes "
                "would do (the images are downloaded if they are missing)",
            )
            parser.add_argument("--wandb", metavar="PROJECT", help="record the run in this Weights & Biases project")
            parser.add_argument(
                "--wandb-group", metavar="EXPERIMENT", help="its group there (default: the data set and the zoo's name)"
            )
            parser.link_arguments("zoo", "model.init_args.zoo")
            parser.link_arguments("out", "trainer.default_root_dir")
            parser.link_arguments("model", "data.init_args.costs", compute_fn=_costs, apply_on="instantiate")
            parser.link_arguments("model", "data.init_args.stackable", compute_fn=_stackable, apply_on="instantiate")

        def before_instantiate_classes(self) -> None:
            chosen = self.config[self.subcommand]
            if self.subcommand != "predict":
                if chosen.restart or chosen.skip_failed or chosen.growth or chosen.plan is not None:
                    raise InputError("--restart, --skip-failed, --growth and --plan are for predict")
                return
            chosen.model.init_args.skip_failed |= chosen.skip_failed
            for callback in chosen.trainer.callbacks or []:
                if callback.class_path.endswith(".PerturbationAverage"):
                    callback.init_args.restart |= chosen.restart
                    callback.init_args.growth |= chosen.growth

        def before_predict(self) -> None:
            chosen = self.config["predict"]
            if chosen.plan is not None:
                from lit_adv.cli.plan import dry_run

                if process_number() == 0:
                    processes = None if chosen.plan == "run" else chosen.plan
                    growth = any(getattr(callback, "growth", False) for callback in self.trainer.callbacks)  # type: ignore[attr-defined]
                    dry_run(self.model, self.datamodule, self.trainer, processes, growth)
                raise SystemExit(0)
            self._record("PredictRun")

        def before_test(self) -> None:
            self._record("TestRun")

        def _record(self, callback: str) -> None:
            chosen = self.config[self.subcommand]
            if chosen.wandb is None and chosen.wandb_group is None:
                return
            from callbacks import weights_and_biases
            from lit_adv.tracking.records import Experiment

            if (experiment := Experiment.asked(chosen.wandb, chosen.wandb_group)) is not None:
                made = getattr(weights_and_biases, callback)(experiment, Path(chosen.zoo))
                self.trainer.callbacks.append(made)  # type: ignore[attr-defined]

        def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
            self.config = parser.parse_args(args)

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
        parser_kwargs={verb: {"exit_on_error": False} for verb in ("predict", "test")} | {"exit_on_error": False},
        args=expand(words),
    )


def _report(words: list[str]) -> None:
    parser = ArgumentParser(
        "lit-adv report", description="Writes a page with the table and pictures of evaluated sets."
    )
    parser.add_argument("sets", nargs="+", type=Path, help="folders of perturbation sets of the same images")
    parser.add_argument("--out", required=True, type=Path, help="the page's folder")
    chosen = parser.parse_args(words)
    from lit_adv.figures.report import report

    report(chosen.sets, chosen.out)


def _reproduce(words: list[str]) -> None:
    from lit_adv.reproduce.make import reproduce

    reproduce(words)


def _study(words: list[str]) -> None:
    from lit_adv.cli.study import study

    study(words)


def _zoo(words: list[str]) -> None:
    parser = ArgumentParser(
        "lit-adv zoo", description="Lists pytorchcv's ImageNet and CIFAR-10 models, and writes zoo files of them."
    )
    parser.add_argument("--data", choices=("cifar10", "imagenet"), help="only of this data set")
    parser.add_argument("--max-gmac", type=float, help="only below so many 10⁹ multiply-accumulates")
    parser.add_argument(
        "--weights", choices=("published", "at hand"), help="only with weights that can be downloaded, or that are here"
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a zoo file of the listed models")
    parser.add_argument("--test", nargs="+", default=[], metavar="NAME", help="its test models, whatever they cost")
    parser.add_argument("--single", metavar="NAME", help="its model for the settings SM and NSM")
    chosen = parser.parse_args(words)
    if chosen.write is None and (chosen.test or chosen.single):
        raise InputError("--test and --single are for the zoo file; give --write FILE too")
    from lit_adv.zoo.listing import list_models, print_list, write_zoo

    models = list_models(chosen.data, chosen.max_gmac, chosen.weights, chosen.test)
    if chosen.write is not None:
        write_zoo(models, chosen.write, chosen.test, chosen.single, f"lit-adv zoo {shlex.join(words)}")
    print_list(models, chosen.json)


def _costs(model: Any) -> list[float]:
    from lit_adv.attack_module import AttackModule

    return [spec.macs for spec in model.sources] if isinstance(model, AttackModule) else []


def _stackable(model: Any) -> bool:
    from lit_adv.attack_module import AttackModule

    return isinstance(model, AttackModule) and model.stackable
