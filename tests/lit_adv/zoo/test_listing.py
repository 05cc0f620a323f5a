"""The list of pytorchcv's models: filters, JSON, and the zoo files that it writes."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from lit_adv.cli import main
from lit_adv.zoo import listing
from lit_adv.zoo.catalogue import CatalogModel
from lit_adv.zoo.listing import list_models, write_zoo
from lit_adv.zoo.pytorchcv_store import published
from lit_adv.zoo.torchvision_store import stored
from lit_adv.zoo.zoo import ZOOS, Zoo

FEW = ("resnet20_cifar10", "resnet56_cifar10", "squeezenet_v1_1", "resnet50", "resnext26_16x4d", "bninception")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A short list, and a cache and store of the test's own."""
    short = {name: published()[name] for name in FEW}
    monkeypatch.setattr(listing, "published", lambda: short)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LIT_ADV_STORE", str(tmp_path / "store"))


def test_filters(tmp_path: Path) -> None:
    def names(*args: object, **kwargs: object) -> set[str]:
        return {m.name for m in list_models(*args, **kwargs)}  # type: ignore[arg-type]

    assert names() == set(FEW)
    assert names("cifar10") == set(FEW[:2])
    assert names("imagenet", 3.2) == {"squeezenet_v1_1", "resnext26_16x4d", "bninception"}
    assert names("imagenet", 3.2, "published") == {"squeezenet_v1_1", "bninception"}
    assert names("imagenet", 3.2, "published", ["resnet50"]) == {"squeezenet_v1_1", "bninception", "resnet50"}
    assert names(weights="at hand") == set()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / str(published()["resnet50"].file_name)).touch()
    assert names(weights="at hand") == {"resnet50"}


def test_the_command_lists_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "zoo.yaml"
    words = ["--data", "imagenet", "--max-gmac", "3.2", "--weights", "published"]
    main(["zoo", *words, "--json", "--write", str(path), "--test", "resnet50", "bninception", "--single", "resnet50"])
    listed = json.loads(capsys.readouterr().out)
    assert listed[0] == {
        "name": "squeezenet_v1_1", "data": "imagenet", "parameters": 1_235_496, "gmac": 0.3492, "size": 224,
        "weights": "published",
    }  # fmt: skip
    zoo = Zoo.open(path)
    assert [spec.name for spec in zoo.judges] == ["resnet50", "bninception"]
    assert [(spec.name, spec.macs) for spec in zoo.sources] == [("squeezenet_v1_1", 349_200_000)]
    assert zoo.single == "resnet50"
    assert path.read_text().startswith("# lit-adv zoo --data imagenet")
    main(["zoo", "--data", "cifar10"])
    table = capsys.readouterr().out
    assert "2 models" in table
    assert "resnet56_cifar10" in table


def test_the_packaged_counts_are_those_of_the_installed_pytorchcv() -> None:
    for name in FEW:
        if name not in ("resnext26_16x4d", "resnet50"):
            (spec,) = (s for s in Zoo.open(ZOOS / f"{published()[name].data}.yaml").models if s.name == name)
            (listed,) = (m for m in list_models() if m.name == name)
            assert spec.macs == round(listed.gmac * 1e9)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--write", "{}/zoo.yaml"], "a zoo is of one data set"),
        (["--data", "cifar10", "--test", "resnet20_cifar10"], "give --write FILE too"),
        (
            ["--data", "cifar10", "--write", "{}/zoo.yaml", "--test", "resnet57_cifar10"],
            "'resnet57_cifar10' is not among",
        ),
        (["--data", "imagenet", "--max-gmac", "0", "--write", "{}/zoo.yaml"], "not empty"),
    ],
)
def test_zoos_that_cannot_be_written(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["zoo", *(word.format(tmp_path) for word in words)])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "zoo.yaml").exists()


def test_torchvisions_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    small = "torchvision:shufflenet_v2_x0_5@IMAGENET1K_V1"
    path = tmp_path / "zoo.yaml"
    words = ["--library", "torchvision", "pytorchcv", "--data", "imagenet", "--max-gmac", "0.35"]
    main(["zoo", *words, "--json", "--write", str(path), "--test", small, "--single", small])
    listed = json.loads(capsys.readouterr().out)
    assert {m["name"]: m for m in listed}[small] == {
        "name": small, "data": "imagenet", "parameters": 1_366_792, "gmac": 0.04, "size": 224, "weights": "published",
    }  # fmt: skip
    assert listed[-1]["name"] == "squeezenet_v1_1"
    zoo = Zoo.open(path)
    assert [spec.architecture for spec in zoo.choose("single")] == [small]
    assert [spec.architecture for spec in zoo.judges] == [small]
    assert {spec.architecture for spec in zoo.sources} == {m["name"] for m in listed} - {small}
    names = [m.name for m in list_models(libraries=["torchvision"])]
    assert {"torchvision:resnet50@IMAGENET1K_V1", "torchvision:resnet50@IMAGENET1K_V2"} <= set(names)
    assert "torchvision:vgg16@IMAGENET1K_FEATURES" not in names
    assert list_models(weights="at hand", libraries=["torchvision"]) == []
    stored(small).parent.mkdir(parents=True)
    stored(small).touch()
    assert [m.name for m in list_models(weights="at hand", libraries=["torchvision"])] == [small]
    assert list_models("cifar10", libraries=["torchvision"]) == []


def test_timms_models_are_listed_without_what_it_does_not_tell(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm")
    main(["zoo", "--library", "timm", "--json"])
    listed = {m["name"]: m for m in json.loads(capsys.readouterr().out)}
    assert listed["timm:resnet18.a1_in1k"] == {
        "name": "timm:resnet18.a1_in1k", "data": "imagenet", "parameters": None, "gmac": None, "size": 224,
        "weights": "published",
    }  # fmt: skip
    assert "timm:vit_base_patch16_224.augreg_in21k" not in listed
    assert [m.name for m in list_models(max_gmac=9, names=["timm:resnet18.a1_in1k"], libraries=["timm"])] == [
        "timm:resnet18.a1_in1k"
    ]


def test_models_whose_cost_is_unknown_are_written_without_it(tmp_path: Path) -> None:
    name = "timm:resnet18.a1_in1k"
    unknown = CatalogModel(name=name, data="imagenet", parameters=None, gmac=None, size=224, weights="published")
    write_zoo([unknown], tmp_path / "zoo.yaml", [], name, "by hand")
    content = yaml.safe_load((tmp_path / "zoo.yaml").read_text())
    assert content == {
        "data": "imagenet",
        "weights": "pretrained",
        "single": name,
        "test": None,
        "sources": [{"name": name}],
    }


def test_timm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SystemExit, match="2"):
        main(["zoo", "--library", "timm"])
    assert "--library timm needs timm" in capsys.readouterr().err
