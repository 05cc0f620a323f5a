"""Networks as programs in files: TorchScript, `torchscript:FILE`, and torch.export's, `export:FILE`."""

import warnings
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from lit_adv.errors import InputError
from lit_adv.models.own_code import PROGRAMS, in_own_words


class Program(nn.Module):
    """A program from a file; it stays in the mode in which it was written.

    Args:
        run: the program, a function of images `[B, C, H, W]`.
    """

    def __init__(self, run: nn.Module) -> None:
        super().__init__()
        self.run = run
        for module in self.modules():
            module.training = False
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        return self

    def forward(self, images: Tensor) -> Any:
        return self.run(images)


def is_program(architecture: str) -> bool:
    """Tells whether an architecture is a program's file."""
    return architecture.partition(":")[0] in PROGRAMS


def load_program(architecture: str) -> Program:
    """Loads a program on the CPU; the caller has seen to it that its file is trusted.

    Raises:
        InputError: there is no such file, or it is no such program.
    """
    kind, _, name = architecture.partition(":")
    path = Path(name)
    if not path.is_file():
        raise InputError(f"architecture {architecture}: no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch advises other formats
            if kind == "torchscript":
                return Program(torch.jit.load(path, map_location="cpu").eval())
            return Program(torch.export.load(path).module())
    except Exception as error:  # torch meets other files with errors of every kind
        what = "a TorchScript program" if kind == "torchscript" else "a program of torch.export"
        reason = in_own_words(error)[:200]
        raise InputError(f"architecture {architecture}: {path} cannot be opened as {what}: {reason}") from error
