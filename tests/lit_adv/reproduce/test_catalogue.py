"""Every figure is there, is made, and says what it shows."""

import csv
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lit_adv.configs import packaged
from lit_adv.reproduce.catalogue import CATALOGUE
from lit_adv.reproduce.entry import Entry
from lit_adv.reproduce.inputs import FigureInputs
from lit_adv.reproduce.make import make
from lit_adv.reproduce.page import write_page
from lit_adv.reproduce.result import FigureResult
from lit_adv.reproduce.set_name import SetName, set_names
from tests.lit_adv.reproduce.conftest import inputs_of

THESIS = (
    *("table-4.3", "table-4.4", "figure-4.3", "figure-4.4"),
    *(f"figure-4.{number}" for number in range(6, 13)),
    *(f"figure-5.{number}" for number in range(1, 10)),
    "noise-classes",
)


def test_every_table_and_figure_is_there_once_and_in_order() -> None:
    names = [entry.name for entry in CATALOGUE]
    assert len(set(names)) == len(names)
    assert set(THESIS) <= set(names)
    numbers = [re.findall(r"(?:Figure|Section) (\d)\.(\d+)", entry.title) for entry in CATALOGUE]
    figures = [(int(a), int(b)) for found in numbers for a, b in found if (a, b) not in (("4", "8"), ("5", "4"))]
    assert figures == sorted(figures)


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_set_has_a_packaged_configuration(entry: Entry) -> None:
    for data in entry.data:
        sets = inputs_of(data, Path("zoo"), Path("out")).sets
        for name in entry.sets:
            assert sets.words_of(name)[1] in packaged()


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_it_is_made(entry: Entry, inputs: FigureInputs) -> None:
    make(entry, inputs)
    folder = inputs.sets.out / "figures" / entry.name
    figure = json.loads((folder / "figure.json").read_text())
    assert figure["title"] == entry.title
    assert set(figure["sets"]) == set(map(str, entry.sets))
    assert figure["plots"] or figure["pictures"] or figure["tables"] or figure["numbers"]
    for name in (*figure["plots"], *figure["pictures"]):
        with Image.open(BytesIO((folder / f"{name}.png").read_bytes())) as image:
            assert np.asarray(image.convert("L")).std() > 10, "the picture is nearly of one grey"
    for name in figure["plots"]:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    for name, rows in figure["numbers"].items():
        with (folder / f"{name}.csv").open(newline="") as file:
            found = list(csv.DictReader(file))
        shown = [["" if value is None else str(value) for value in row.values()] for row in rows]
        assert shown == [list(row.values()) for row in found]


def test_the_page_holds_all(inputs: FigureInputs, capsys: pytest.CaptureFixture[str]) -> None:
    html = write_page(inputs.sets.out, "mnist").read_text()
    assert "left out" not in capsys.readouterr().out
    for entry in CATALOGUE:
        assert f'<section id="{entry.name}">' in html
    assert html.count("data:image/") == len(list(inputs.sets.out.glob("figures/*/*.png")))
    assert len(html) < 20e6
    assert not re.search(r'(?:src|href)="https?:', html)


def test_the_page_leaves_out_other_sets(inputs: FigureInputs, capsys: pytest.CaptureFixture[str]) -> None:
    assert '<section id="figure' not in write_page(inputs.sets.out, "cifar10").read_text()
    manifest = inputs.sets.folder(SetName.parse("sm-square")) / "manifest.json"
    before = manifest.read_text()
    manifest.write_text(json.dumps({**json.loads(before), "sha256": "another"}))
    html = write_page(inputs.sets.out, "mnist").read_text()
    manifest.write_text(before)
    assert 'id="figure-5.1"' not in html
    assert 'id="figure-4.3"' in html
    assert "figure-5.1, for sm-square changed" in capsys.readouterr().out


def test_an_interrupted_figure_is_none(tmp_path: Path) -> None:
    """What says that it is complete goes first and comes last."""
    made = FigureResult(pictures={"a": b"1"}, numbers={"n": [{"x": 1.0}]})
    made.save(tmp_path, {"title": "t"})
    with pytest.raises(ValueError, match="JSON"):
        FigureResult(pictures={"a": b"2"}, numbers={"n": [{"x": float("nan")}]}).save(tmp_path, {"title": "t"})
    assert (tmp_path / "a.png").read_bytes() == b"2"
    assert not (tmp_path / "figure.json").exists()


def test_other_attacks_take_the_places_of_an_entry_s_own() -> None:
    entries = {entry.name: entry for entry in CATALOGUE}
    assert entries["table-4.3"].with_attacks(["gradient", "bim"]).sets == set_names(
        "sm-gradient", "sm-bim", "nmm-gradient", "nmm-bim"
    )
    assert entries["figure-4.3"].with_attacks(["gradient", "bim"]).sets == set_names(
        "nmm-gradient-clipped", "nmm-gradient"
    )
    assert entries["growth"].with_attacks(["gradient"]).sets == set_names("nmm-gradient")
    for name in ("figure-5.1", "figure-5.8"):
        assert entries[name].with_attacks(["bim"]) is entries[name]
    assert all(entry.with_attacks([]) is entry for entry in CATALOGUE)


def test_entries_are_made_of_one_attack(inputs: FigureInputs) -> None:
    for name in ("table-4.3", "growth", "figure-4.8"):
        entry = next(entry for entry in CATALOGUE if entry.name == name).with_attacks(["bim"])
        made = entry.make(inputs, entry.sets)
        assert made.numbers
