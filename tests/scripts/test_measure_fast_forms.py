"""The comparison of fast forms with networks as they are, tiny."""

import json
from pathlib import Path

import pytest

from lit_adv.errors import InputError
from lit_adv.zoo.zoo import Zoo
from scripts.measure_fast_forms import CONTESTANTS, measure_fast_forms


def test_it_runs_on_a_zoo(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "forms.json"
    with pytest.raises(InputError, match="--batch must be at least 1"):
        measure_fast_forms(zoo.path, batch=0)
    with pytest.raises(InputError, match="no source model"):
        measure_fast_forms(zoo.path, models=0)
    measure_fast_forms(zoo.path, json_file=path, batch=2, rounds=1, models=2)
    *rows, total = json.loads(path.read_text())["rows"]
    assert [row["model"] for row in rows] == [spec.name for spec in zoo.sources[:2]]
    for name in CONTESTANTS:
        assert total[name] == pytest.approx(sum(row[name] for row in rows), abs=0.01)
    assert "fast, kept" in capsys.readouterr().out
