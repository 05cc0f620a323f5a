"""The sums of one process, saved now and then."""

import time
from pathlib import Path
from typing import Final

from lit_adv.perturbations.partial_sums import save_state
from lit_adv.perturbations.run_sums import RunSums

LONGEST_WAIT: Final = 55.0
"""Most seconds between saves, unless a batch lasts longer."""


class Saving:
    """Saves sums to a file.

    Args:
        path: of the file.
        sums: the sums.
        every: seconds between saves; more, up to 55, where saving takes long.
    """

    def __init__(self, path: Path, sums: RunSums, every: float) -> None:
        self._path = path
        self._sums = sums
        self._every = every
        self._took = 0.0
        self._saved = time.monotonic()

    def save_when_due(self) -> None:
        """Saves the sums if the last save is long enough ago."""
        if time.monotonic() - self._saved >= min(max(self._every, 50 * self._took), LONGEST_WAIT):
            self.save()

    def save(self) -> None:
        """Saves the sums.

        Raises:
            InputError: there is no room, or the folder cannot be written.
        """
        began = time.monotonic()
        save_state(self._path, self._sums.state())
        self._saved = time.monotonic()
        self._took = self._saved - began
