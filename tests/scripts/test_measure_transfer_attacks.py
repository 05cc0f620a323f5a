"""The comparison of transfer attacks: all have the same number of gradients."""

from pathlib import Path

import pytest

from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts.measure_transfer_attacks import contestants, measure_transfer_attacks


def test_all_have_the_same_number_of_gradients() -> None:
    for name, one in contestants(models=20, each=10, epsilon=0.2, sigma=0.2).items():
        assert one.attack.gradients is not None
        times = {"all": 20 * one.copies, "ensemble": 1 if name == "SVRE" else 20, "one": one.copies}[one.kind]
        assert one.attack.gradients * times == 200, name


def test_it_runs_on_a_zoo(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="models is 3"):
        measure_transfer_attacks(zoo.path, tmp_path, models=3)
    measure_transfer_attacks(zoo.path, tmp_path, models=2, per_class=1)
    assert "SVRE" in capsys.readouterr().out
    assert len((tmp_path / "transfer.csv").read_text(encoding="utf-8").splitlines()) == 17
