"""The script that judges maps, on a map that knows nothing and one set."""

from pathlib import Path

import pytest

from lit_adv.attacks.map import save_map
from lit_adv.attacks.unet import UNet
from lit_adv.files import read_json
from lit_adv.zoo.zoo import Zoo
from scripts.measure_map import measure_map
from tests.helpers import TINY, predict


def test_the_table_and_the_picture(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict("mnist-nmm-gradient", zoo, tmp_path / "set", *TINY, "--data.copies", "2", "--data.per_class", "2")
    folder = tmp_path / "maps" / "nothing"
    folder.mkdir(parents=True)
    save_map(UNet(1, 2, 0), {"channels": 1, "width": 2, "levels": 0, "sees": "image"}, folder / "map.safetensors")
    measure_map(tmp_path / "set", tmp_path / "set", zoo.path, [folder], tmp_path / "map.json", tmp_path / "map.png")
    rows = {row["name"]: row for row in read_json(tmp_path / "map.json")}
    assert list(rows) == ["average", "nothing", "class means", "−image"]
    assert rows["average"]["cosine"][0] == pytest.approx(1)
    assert 0.5 < rows["class means"]["cosine"][0] < 1  # a mean of two, one of them the image's own
    assert abs(rows["nothing"]["cosine"][0]) < 0.5
    assert (tmp_path / "map.png").stat().st_size > 1000
    assert capsys.readouterr().out.count("\n| ") == 6
