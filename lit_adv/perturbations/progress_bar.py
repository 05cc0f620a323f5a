"""Progress of perturbations: a bar in terminals and notebooks, a line now and then elsewhere."""

import sys
import time
import warnings
from typing import Final, Self

from lit_adv.terminal import Unfailing, say

LINE_EVERY: Final = 10.0
"""Seconds between lines where there is no bar."""


class ProgressBar:
    """Shows how many perturbations are done.

    Args:
        total: number of perturbations; None if unknown.
        shown: whether anything is shown at all.
        before: number of perturbations that earlier starts have made.
    """

    def __init__(self, total: int | None, shown: bool, before: int = 0) -> None:
        in_notebook = "ipykernel" in sys.modules
        has_bar = shown and (in_notebook or Unfailing(sys.stderr).isatty())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tqdm advises notebooks to install ipywidgets; the plain bar does
            from tqdm.auto import tqdm

            stream = None if in_notebook else Unfailing(sys.stderr)
            self._bar = tqdm(
                total=total, initial=before, disable=not has_bar, desc="perturbations", smoothing=0.1, file=stream
            )
        self._lines = shown and not has_bar
        self._total = total
        self._before = self._done = before
        self._began = self._said = time.monotonic()
        if shown and before:
            say(f"{before} of {total} perturbations are done already; continuing")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def update(self, count: int) -> None:
        """Adds a number of perturbations that are done."""
        self._bar.update(count)
        self._done += count
        now = time.monotonic()
        if self._lines and now - self._said >= LINE_EVERY:
            self._said = now
            rate = (self._done - self._before) / (now - self._began)
            if self._total is None:
                say(f"{self._done} perturbations, {rate:.3g}/s")
            else:
                left = (self._total - self._done) / rate
                say(f"{self._done} of {self._total} perturbations, {rate:.3g}/s, {left:.0f} s left")
