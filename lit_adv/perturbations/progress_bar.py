"""A progress bar for perturbations in terminals and notebooks."""

import sys
import warnings
from typing import Self

from lit_adv.terminal import Unfailing


class ProgressBar:
    """Bar of the perturbations that are done; nothing where nobody looks, as in a pipe.

    Args:
        total: number of perturbations; None if unknown.
        shown: whether there is a bar at all.
    """

    def __init__(self, total: int | None, shown: bool) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tqdm advises notebooks to install ipywidgets; the plain bar does
            from tqdm.auto import tqdm

            in_notebook = "ipykernel" in sys.modules
            quiet = not shown or not (in_notebook or sys.stderr.isatty())
            stream = None if in_notebook else Unfailing(sys.stderr)
            self._bar = tqdm(total=total, disable=quiet, desc="perturbations", unit="", smoothing=0.1, file=stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, count: int) -> None:
        """Moves the bar on by a number of perturbations."""
        self._bar.update(count)
