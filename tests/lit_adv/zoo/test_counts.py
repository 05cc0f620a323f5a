"""The packaged table agrees with networks counted anew; what it lacks is counted once and remembered."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from lit_adv.models.build import count
from lit_adv.zoo import counts as room
from lit_adv.zoo.counts import counts, packaged
from lit_adv.zoo.pytorchcv_store import published

SAMPLE = ("resnet20_cifar10", "squeezenet_v1_1", "efficientnet_b0", "bninception")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The memory's file, in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "lit-adv" / f"pytorchcv-{version('pytorchcv')}.json"


@pytest.mark.skipif(not room.table_path().is_file(), reason="another pytorchcv than the table is of")
def test_the_table_has_every_model_and_a_sample_counted_anew_agrees(memory: Path) -> None:
    table = packaged()
    assert table.keys() == published().keys()
    for name in SAMPLE:
        size = published()[name].size
        assert table[name] == count(name, {}, (3, size, size))
    assert counts(list(published().values())) == table
    assert not memory.exists()


def test_other_models_are_counted_once(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "packaged", dict)
    model = published()["resnet20_cifar10"]
    counted = counts([model])
    assert counted == {model.name: count(model.name, {}, (3, 32, 32))}
    assert json.loads(memory.read_text(encoding="utf-8")) == {model.name: list(counted[model.name])}
    monkeypatch.setattr(room, "count", None)
    assert counts([model]) == counted


@pytest.mark.parametrize("content", ["{", "[1]", '{"resnet20_cifar10": 3}'])
def test_a_damaged_memory_does_no_harm(memory: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(room, "packaged", dict)
    memory.parent.mkdir()
    memory.write_text(content, encoding="utf-8")
    assert counts([published()["resnet20_cifar10"]])["resnet20_cifar10"].parameters > 200_000
    assert json.loads(memory.read_text(encoding="utf-8")).keys() == {"resnet20_cifar10"}


def test_the_table_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = published()["resnet20_cifar10"]
    monkeypatch.setattr(room, "published", lambda: {model.name: model})
    monkeypatch.setattr(room, "table_path", lambda: tmp_path / "table.csv")
    room.count_pytorchcv()
    assert (tmp_path / "table.csv").read_text().splitlines()[0] == "name,data,size,parameters,macs"
    assert packaged() == {model.name: count(model.name, {}, (3, 32, 32))}
