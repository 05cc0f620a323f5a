"""Entries are chosen by name; what cannot be made says why."""

from pathlib import Path

from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.make import chosen_entries, lacking
from lit_adv.zoo.zoo import Zoo
from tests.lit_adv.reproduce.conftest import inputs_of


def test_own_images_have_every_figure_whose_needs_are_named(zoo: Zoo, tmp_path: Path) -> None:
    def missing(*words: str, masks: Path | None = None) -> dict[str, str]:
        found = inputs_of("images", zoo.path, tmp_path, masks, words=words)
        assert (found.data.image_shape, found.data.classes) == ((1, 28, 28), 10)
        reasons = {entry.name: lacking(entry, found) for entry in CATALOGUE}
        return {name: reason for name, reason in reasons.items() if reason}

    assert "no folder data/images" in missing()["figure-4.4"]
    here = ["--data.root", str(tmp_path)]
    without = missing(*here)
    assert "needs targets; give -- --data.labels" in without.pop("figure-4.12")
    assert set(without) == {entry.name for entry in CATALOGUE if entry.masks}
    assert all("masks" in reason for reason in without.values())
    assert not missing(*here, "--data.labels", "a.csv", masks=tmp_path)


def test_all_leaves_growth_out_where_it_takes_much_memory(inputs: FigureInputs) -> None:
    entry = next(entry for entry in CATALOGUE if entry.growth)
    assert entry in chosen_entries(["all"], inputs)
    photographs = inputs_of("imagenet", Path("imagenet"), Path("nowhere"), words=["--data.root", "."])
    assert entry not in chosen_entries(["all"], photographs)
    assert entry in chosen_entries(["all", "growth"], photographs)
