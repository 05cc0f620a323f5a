"""The comparison of transfer attacks: all have the same number of gradients."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts.measure_transfer_attacks import contestants, measure_transfer_attacks, spread


def test_all_have_the_same_number_of_gradients() -> None:
    for name, one in contestants(models=20, each=10, epsilon=0.2, sigma=0.2).items():
        assert one.attack.gradients is not None
        ensemble = 1 if name == "SVRE" else 20
        times = {"all": 20 * one.copies, "ensemble": ensemble, "losses": 20, "one": one.copies}[one.kind]
        assert one.attack.gradients * times == 200, name


def test_it_runs_on_a_zoo(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="models is 3"):
        measure_transfer_attacks(zoo.path, tmp_path, models=3)
    with pytest.raises(InputError, match="there is no attack MIDI; choose from"):
        measure_transfer_attacks(zoo.path, tmp_path, models=2, leave_out=["MIDI"])
    measure_transfer_attacks(zoo.path, tmp_path, models=2, per_class=1, leave_out=["Eq. 4.1 MI-DI"])
    assert "SVRE" in capsys.readouterr().out
    with (tmp_path / "transfer.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 17
    assert {(row["gradients"], row["models"]) for row in rows if "one model" in row["set"]} == {("20", "1")}
    assert {(row["gradients"], row["models"]) for row in rows if "one model" not in row["set"]} == {("20", "2")}
    assert len((tmp_path / "pairs.md").read_text(encoding="utf-8").splitlines()) == 2 + 12 + 2


def test_photographs_are_spread_over_the_classes(tmp_path: Path) -> None:
    for number, folder in enumerate(("n01440764", "n01443537", "n01484850", "n01491361")):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (260, 256), (60 * number, 0, 9)).save(tmp_path / folder / "first.png")
    images, labels = spread(tmp_path, per_class=1, grey=False, most=2)
    assert labels.tolist() == [0, 2]
    assert images[:, 0, 0, 0].tolist() == pytest.approx([0, 120 / 255])
    assert spread(tmp_path, per_class=1, grey=False, most=9)[1].tolist() == [0, 1, 2, 3]
