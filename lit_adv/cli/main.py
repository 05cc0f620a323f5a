"""The command line: its commands by name."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import lit_adv
from lit_adv.cli.guard import run_guarded
from lit_adv.errors import InputError
from lit_adv.freed_memory import keep_freed_memory

COMMANDS: Final = {
    "predict": "attacks the models of a zoo and averages their perturbations (Eq. 4.1)",
    "test": "judges a perturbation set: what models recognize in it, and how strongly it attacks them",
    "fit": "trains source models: a zoo, with Lightning's own options",
    "relearn": "trains networks on perturbations alone, and tests what they know of clean images",
    "report": "writes a page with the table and pictures of judged sets",
    "reproduce": "makes figures and tables of the thesis, and the perturbation sets they need",
    "explore": "writes a page on which averages appear as models and copies are added",
    "transfer": "compares how sets fool models that had no part in them",
    "export": "writes adversarial examples as PNG files with a table of labels and answers",
    "robust": "measures the accuracy that APGD leaves a zoo's models",
    "study": "asks people what they see in perturbations, and counts their answers",
    "zoo": "lists the models of pytorchcv, torchvision and timm, and writes zoo files of them",
}
"""Command to what it does; each is a function of its own name, those of Lightning's command line apart."""
LIGHTNING: Final = ("predict", "test")
HELP: Final = "\n".join(
    [
        "usage: lit-adv COMMAND [OPTIONS]",
        "",
        "The human-recognizable information hidden in adversarial perturbations: visible, measurable, reproducible.",
        "",
        "commands:",
        *(f"  {name:<11}{what}" for name, what in COMMANDS.items()),
        "",
        "options:",
        "  -h, --help   print this; lit-adv COMMAND --help prints the command's options",
        "  --version    print the version",
    ]
)


def main(args: Sequence[str] | None = None) -> None:
    """Runs `lit-adv`, `lightning` or `python -m lit_adv`.

    Args:
        args: words after the program's name; left out, `sys.argv[1:]`.
    """
    keep_freed_memory()
    run_guarded(_run, list(sys.argv[1:] if args is None else args))


def _run(words: list[str]) -> None:
    name = words[0] if words else ""
    if name in ("-h", "--help"):
        print(HELP)
    elif name == "--version":
        print(f"lit-adv {lit_adv.__version__}")
    elif name in COMMANDS and name not in LIGHTNING:
        getattr(import_module(f"lit_adv.cli.{name}"), name)(words[1:])
    elif name in LIGHTNING or name.startswith("-"):  # Lightning takes --config FILE before the command too
        from lit_adv.cli.lightning import lightning

        lightning(words)
    else:
        wrong = f"there is no command {name!r}" if words else "no command is given"
        raise InputError(f"{wrong}; choose one of {', '.join(COMMANDS)}, or lit-adv --help")
