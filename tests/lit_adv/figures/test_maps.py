"""Maps as pictures."""

from pathlib import Path

import pytest
import torch

import lit_adv
from lit_adv.errors import InputError
from lit_adv.figures.maps import map_rows
from lit_adv.figures.report import report


def linear(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)).eval()


def averaged(copies: int, models: int = 3) -> lit_adv.PerturbationSet:
    images, labels = lit_adv.digits(per_class=1)
    attack = lit_adv.BIM(epsilon=0.2, steps=2)
    return lit_adv.average(
        [linear(seed) for seed in range(models)], images, labels, attack, copies=copies, sigma=0.2, progress=False
    )


def test_three_rows_of_pictures_with_their_shares() -> None:
    rows = map_rows(averaged(2), torch.tensor([4, 1]))
    assert [name.rsplit(" ", 1)[0] for name, _ in rows] == ["S: all models", "A: one model", "E: one copy"]
    assert sum(int(name.rsplit(" ", 1)[1].rstrip("%")) for name, _ in rows) == pytest.approx(100, abs=2)
    for _, pictures in rows:
        assert pictures.shape == (2, 1, 28, 28)
        assert pictures.min() >= 0
        assert pictures.amax((1, 2, 3)).tolist() == [1.0, 1.0]


def test_one_copy_has_two_rows() -> None:
    found = averaged(1)
    assert [name.split(":")[0] for name, _ in map_rows(found, torch.tensor([0]))] == ["S", "A + E"]
    assert len(lit_adv.maps(found, columns=5).axes) == 40


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="groups"):
        lit_adv.maps(averaged(2, models=1))
    with pytest.raises(InputError, match="per_class"):
        lit_adv.maps(averaged(2), per_class=0)
    with pytest.raises(InputError, match="image"):
        map_rows(averaged(2), torch.tensor([], dtype=torch.int64))


def test_a_report_has_maps_and_says_the_reliability(tmp_path: Path) -> None:
    images, labels = lit_adv.digits(per_class=1)
    attack = lit_adv.BIM(epsilon=0.2, steps=2)
    for name, models in (("many", 3), ("one", 1)):
        lit_adv.average(
            [linear(seed) for seed in range(models)], images, labels, attack, copies=2, sigma=0.2, progress=False,
            out=tmp_path / name,
        )  # fmt: skip
        found = lit_adv.PerturbationSet.load(tmp_path / name)
        lit_adv.evaluate(found, {"judge": linear(9)}).save(tmp_path / name / "evaluation.json")
    (explorer := tmp_path / "explorer" / "index.html").parent.mkdir()
    with pytest.raises(InputError, match="no page"):
        report([tmp_path / "many"], tmp_path / "page", explorer=explorer)
    explorer.touch()
    report([tmp_path / "many", tmp_path / "one"], tmp_path / "page", explorer=explorer)
    html = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "How reliable the averages are" in html
    assert 'href="../explorer/index.html"' in html
    assert (tmp_path / "page" / "maps.png").is_file()
    report([tmp_path / "one"], tmp_path / "other")
    assert "How reliable" not in (tmp_path / "other" / "index.html").read_text(encoding="utf-8")
    assert not (tmp_path / "other" / "maps.png").exists()
