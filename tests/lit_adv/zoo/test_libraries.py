"""torchvision's and timm's networks in zoos, with weights made here: names, sizes, normalisation, missing files."""

import hashlib
import sys
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.transforms.functional import normalize

from lit_adv.errors import InputError
from lit_adv.models.build import build, count
from lit_adv.models.torchvision_models import names, versions, weights_of
from lit_adv.zoo.known import known
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.remarks import library_inputs
from lit_adv.zoo.zoo import Zoo

Entry = dict[str, object]
SMALL = "shufflenet_v2_x0_5"


def zoo_file(folder: Path, *entries: Entry | str, **content: object) -> Path:
    (folder / "zoo.yaml").write_text(yaml.safe_dump({"data": "imagenet", "sources": list(entries), **content}))
    return folder / "zoo.yaml"


def only(folder: Path, entry: Entry | str, **content: object) -> ModelSpec:
    (spec,) = Zoo.open(zoo_file(folder, entry, **content)).models
    return spec


def random_network(architecture: str) -> nn.Module:
    """With batch normalisation that is not its own inverse."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(architecture, {}).eval()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return network


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """torch hub's folder, in which the published weights of a small network are random ones made here."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    file = tmp_path / "weights.pth"
    torch.save(random_network(f"torchvision:{SMALL}").state_dict(), file)
    digits = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    weights = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
    monkeypatch.setattr(type(weights), "url", f"https://nowhere.invalid/small-{digits}.pth")
    file.rename(folder / f"small-{digits}.pth")
    return folder


def test_torchvisions_weights_at_hand(hub: Path, tmp_path: Path) -> None:
    spec = only(tmp_path, f"torchvision:{SMALL}@IMAGENET1K_V1")
    digits = next(hub.glob("*.pth")).stem.removeprefix("small-")
    assert (spec.name, spec.checksum) == (f"torchvision-{SMALL}@IMAGENET1K_V1", f"sha256:{digits}")
    assert (spec.size, spec.mean, spec.std) == (None, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (spec.library, spec.at_hand()) == ("torchvision", True)
    images = torch.rand(2, 3, 224, 224)
    expected = random_network(f"torchvision:{SMALL}")(normalize(images, list(spec.mean), list(spec.std)))
    assert torch.allclose(spec.load()(images), expected, atol=1e-5)


def test_torchvisions_weights_that_are_missing_or_damaged(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = only(tmp_path, f"torchvision:{SMALL}@IMAGENET1K_V1")
    file = next(hub.glob("*.pth"))
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"small-.*is damaged or cut short .*delete it, and it is fetched again"):
        spec.load()
    file.unlink()
    assert not spec.at_hand()

    def unreachable(url: str, to: str) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(InputError) as error:
        spec.load()
    architecture = f"torchvision:{SMALL}@IMAGENET1K_V1"
    assert str(error.value) == (
        f"cannot download the weights of {architecture}: Name or service not known; fetch "
        f"https://nowhere.invalid/{file.name} and put it into {hub}"
    )
    assert not list(hub.glob("*.pth"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, to: Path(to).write_bytes(content + b" "))
    with pytest.raises(InputError, match=r"is not the published small-.*\.pth; fetch"):
        spec.load()
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, to: Path(to).write_bytes(content))
    spec.load()
    assert spec.at_hand()


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_torchvisions_networks_with_weights_of_ones_own(tmp_path: Path, ending: str) -> None:
    """Size and normalisation are those of torchvision's default weights: 299 px for Inception."""
    network = random_network(f"torchvision:{SMALL}")
    path = tmp_path / f"mine.{ending}"
    save_file(network.state_dict(), path) if ending == "safetensors" else torch.save(network.state_dict(), path)
    spec = only(tmp_path, {"name": "mine", "architecture": f"torchvision:{SMALL}", "weights": path.name, "gmac": 1})
    assert spec.checksum.startswith("sha256:")
    images = torch.rand(2, 3, 224, 224)
    expected = network(normalize(images, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    assert torch.allclose(spec.load()(images), expected, atol=1e-5)
    wide = {"name": "wide", "architecture": "torchvision:inception_v3", "weights": path.name, "gmac": 1}
    assert only(tmp_path, wide).size == 299
    assert only(tmp_path, {**wide, "size": 224, "mean": [0.5] * 3}).mean == (0.5, 0.5, 0.5)
    with pytest.raises(InputError, match=rf"mine\.{ending} does not fit wide \(torchvision:inception_v3\): it lacks"):
        only(tmp_path, wide).load()


def test_networks_of_libraries_with_other_classes(tmp_path: Path) -> None:
    """Of CIFAR-10 here: size and normalisation are then the data set's."""
    architecture, arguments = f"torchvision:{SMALL}", {"num_classes": 10}
    torch.save(build(architecture, arguments).state_dict(), tmp_path / "mine.pth")
    entry: Entry = {"name": "mine", "architecture": architecture, "arguments": arguments, "weights": "mine.pth"}
    spec = only(tmp_path, entry, data="cifar10")
    assert (spec.size, spec.mean, spec.library) == (None, (0.4914, 0.4822, 0.4465), "")
    assert spec.load()(torch.rand(1, 3, 32, 32)).shape == (1, 10)
    with pytest.raises(InputError, match=r"mine gives \[1, 10\] for one image of 1000 classes"):
        only(tmp_path, entry).load()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("torchvision:resnet17", "torchvision has no classifier 'resnet17'; did you mean resnet1"),
        ("torchvision:fcn_resnet50", "torchvision has no classifier 'fcn_resnet50'"),
        ("torchvision:resnet50@V1", "no weights 'V1' of resnet50; there are IMAGENET1K_V1, IMAGENET1K_V2"),
        ("torchvision:resnet50@DEFAULT", "no weights 'DEFAULT' of resnet50; there are IMAGENET1K_V1"),
        ("torchvision:vgg16@IMAGENET1K_FEATURES", "no weights 'IMAGENET1K_FEATURES' of vgg16; there are IMAGENET1K_V1"),
        (
            "torchvision:resnet50",
            "name the version of its weights, torchvision:resnet50@IMAGENET1K_V1 or .*@IMAGENET1K_V2, or a file",
        ),
        (
            {
                "name": "a",
                "architecture": "torchvision:resnet18",
                "arguments": {"weights": "DEFAULT"},
                "weights": "w.pth",
            },
            "give the weights by the zoo's own field, not by `weights`",
        ),
        ({"name": "a", "architecture": "torchvision:resnet18", "weights": "no.pth"}, r"no weight file .*no\.pth"),
        (
            {"name": "torchvision:resnet18@IMAGENET1K_V1", "arguments": {"num_classes": 10}},
            "torchvision publishes no weights of it",
        ),
    ],
)
def test_wrong_entries_of_torchvision(tmp_path: Path, entry: Entry | str, message: str) -> None:
    (tmp_path / "w.pth").touch()
    with pytest.raises(InputError, match=message):
        only(tmp_path, entry)


def test_torchvisions_model_of_another_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a model of imagenet, the file is of cifar10"):
        only(tmp_path, "torchvision:resnet18@IMAGENET1K_V1", data="cifar10")


def test_all_of_torchvisions_names_have_checksums() -> None:
    for name in names():
        for version in versions(name):
            found = known(f"torchvision:{name}@{version}")
            assert found is not None
            assert len(str(found.checksum).removeprefix("sha256:")) >= 8
            assert found.classes == 1000
    assert {"resnet50", "vit_b_16"} <= set(names())


@pytest.mark.parametrize(
    "architecture", ["googlenet@IMAGENET1K_V1", "vit_b_16@IMAGENET1K_SWAG_E2E_V1", "resnet18@IMAGENET1K_V1"]
)
def test_networks_are_built_as_torchvision_builds_them_for_its_weights(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = known(f"torchvision:{architecture}")
    assert found is not None
    with torch.device("meta"):
        ours = build(f"torchvision:{architecture}", {}).eval()
        monkeypatch.setattr(type(weights_of(f"torchvision:{architecture}")), "get_state_dict", lambda *_, **__: {})
        monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        name = architecture.partition("@")[0]
        theirs = models.get_model(name, weights=weights_of(f"torchvision:{architecture}")).eval()
    assert ours(torch.zeros(1, 3, found.size, found.size, device="meta")).shape == (1, 1000)
    assert getattr(ours, "transform_input", None) == getattr(theirs, "transform_input", None)
    assert {n: p.shape for n, p in theirs.named_parameters()}.items() <= {
        n: p.shape for n, p in ours.named_parameters()
    }.items()


def test_a_network_that_asks_for_values_while_it_is_built_is_counted() -> None:
    assert count("torchvision:regnet_y_400mf", {}, (3, 224, 224))[0] == 4_344_144


TIMM = "mobilenetv3_small_050"


def test_timms_networks_with_weights_of_ones_own(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    network = random_network(f"timm:{TIMM}")
    save_file(network.state_dict(), tmp_path / "mine.safetensors")
    spec = only(tmp_path, {"name": "mine", "architecture": f"timm:{TIMM}", "weights": "mine.safetensors"})
    assert (spec.size, spec.mean, spec.library) == (None, (0.485, 0.456, 0.406), "timm")
    images = torch.rand(2, 3, 224, 224)
    expected = network(normalize(images, list(spec.mean), list(spec.std)))
    assert torch.allclose(spec.load()(images), expected, atol=1e-5)
    wide = only(tmp_path, {"name": "a", "architecture": "timm:inception_v4", "weights": "mine.safetensors", "gmac": 1})
    assert (wide.size, wide.mean) == (299, (0.5, 0.5, 0.5))
    with pytest.raises(InputError, match=r"mine\.safetensors does not fit a \(timm:inception_v4\): it lacks"):
        wide.load()


def test_timms_weights_in_the_hubs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    hub = pytest.importorskip("huggingface_hub")
    network = random_network(f"timm:{TIMM}")
    file = tmp_path / "model.safetensors"
    save_file(network.state_dict(), file)
    spec = only(tmp_path, f"timm:{TIMM}.lamb_in1k")
    assert (spec.name, spec.checksum) == (f"timm-{TIMM}.lamb_in1k", f"hub:timm/{TIMM}.lamb_in1k")
    assert not spec.at_hand()

    def unreachable(*_: object, **__: object) -> str:
        raise hub.errors.LocalEntryNotFoundError("cannot find the file on the hub")

    monkeypatch.setattr(hub, "hf_hub_download", unreachable)
    with pytest.raises(InputError) as error:
        spec.load()
    assert str(error.value) == (
        f"cannot download the weights of timm:{TIMM}.lamb_in1k: cannot find the file on the hub; fetch "
        f"https://huggingface.co/timm/{TIMM}.lamb_in1k/resolve/main/model.safetensors and name the file under weights"
    )
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda name, file_name, revision: str(file))
    assert spec.at_hand()
    images = torch.rand(2, 3, 224, 224)
    expected = network(normalize(images, list(spec.mean), list(spec.std)))
    assert torch.allclose(spec.load()(images), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("timm:resnet1", r"timm has no model 'resnet1'; did you mean resnet"),
        ("timm:hf-hub:someone/net", "timm has no model 'hf-hub:someone/net'"),
        ("timm:resnet18.a9_in1k", r"timm has no weights 'a9_in1k' of resnet18; there are a1_in1k, "),
        ("timm:vit_base_patch16_224.augreg_in21k", "is a model of 21843 classes, the file is of imagenet"),
        (
            {
                "name": "a",
                "architecture": "timm:resnet18",
                "arguments": {"checkpoint_path": "x.pth"},
                "weights": "w.pth",
            },
            "not by `checkpoint_path`",
        ),
    ],
)
def test_wrong_entries_of_timm(tmp_path: Path, entry: Entry | str, message: str) -> None:
    pytest.importorskip("timm")
    (tmp_path / "w.pth").touch()
    with pytest.raises(InputError, match=message):
        only(tmp_path, entry)


def test_timm_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(
        InputError, match=r"resnet18\.a1_in1k needs timm, which is not here .*pip install 'lit-adv\[timm\]'"
    ):
        only(tmp_path, "timm:resnet18.a1_in1k")


def test_what_libraries_know_is_said_once_for_models_alike(tmp_path: Path) -> None:
    names = [
        f"torchvision:{name}@IMAGENET1K_V1" for name in ("resnet18", "resnet34", "resnet50", "vgg11", "inception_v3")
    ]
    entries: list[Entry | str] = [{"name": name, "gmac": 1} for name in (*names, "fdmobilenet_wd4")]
    given: Entry = {"name": "given", "architecture": names[0], "gmac": 1, "size": 200}
    assert library_inputs(Zoo.open(zoo_file(tmp_path, *entries, given)).models) == [
        f"{', '.join(names[:3])} and 1 more: 224 px, mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225 (torchvision)",
        f"{names[4]}: 299 px, mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225 (torchvision)",
    ]
