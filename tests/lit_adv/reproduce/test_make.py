"""Entries are chosen by name; what cannot be made says why."""

from pathlib import Path

from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.make import chosen_entries
from tests.lit_adv.reproduce.conftest import inputs_of


def test_all_leaves_growth_out_where_it_takes_much_memory(inputs: FigureInputs) -> None:
    entry = next(entry for entry in CATALOGUE if entry.growth)
    assert entry in chosen_entries(["all"], inputs)
    photographs = inputs_of("imagenet", Path("imagenet"), Path("nowhere"), words=["--data.root", "."])
    assert entry not in chosen_entries(["all"], photographs)
    assert entry in chosen_entries(["all", "growth"], photographs)
