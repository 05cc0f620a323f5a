"""The same commands on colour images with pytorchcv's networks, of random weights here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lit_adv.attacks import BIM
from lit_adv.cli import main
from lit_adv.data_sets import DATA_SETS
from lit_adv.evaluation.recognizability import judge_input
from lit_adv.models.build import build
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import Run

SOURCES = ("resnet20_cifar10", "preresnet20_cifar10")


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zoo file with two sources, of which one also judges under another name, and twenty images."""
    folder = tmp_path_factory.mktemp("cifar10")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name in (*SOURCES, "nin_cifar10"):
            torch.save(build(name, {}).state_dict(), folder / f"{name}.pth")
    again = {"name": "white", "architecture": "resnet20_cifar10", "weights": "resnet20_cifar10.pth"}
    content = {"data": "cifar10", "weights": ".", "single": "white", "sources": list(SOURCES)}
    (folder / "zoo.yaml").write_text(yaml.safe_dump({**content, "test": ["nin_cifar10", again]}))
    x = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8)
    np.savez(folder / "images.npz", x=x, y=np.arange(20) % 10)
    return folder


def words(folder: Path, out: Path) -> list[str]:
    images = ["--data.source", "npz", "--data.root", str(folder / "images.npz"), "--data.per_class", "1"]
    return ["--zoo", str(folder / "zoo.yaml"), "--out", str(out), *images, "--model.attack.steps", "2"]


def test_cifar10_from_start_to_page(cifar10: Path, tmp_path: Path) -> None:
    sets = {setting: tmp_path / setting for setting in ("sm", "mm")}
    for setting, out in sets.items():
        main(["predict", "--config", f"cifar10-{setting}-bim", *words(cifar10, out), "--model.exact", "true"])
        main(["test", "--config", "cifar10-test", "--zoo", str(cifar10 / "zoo.yaml"), "--out", str(out)])
    found = PerturbationSet.load(sets["mm"])
    zoo = Zoo.open(cifar10 / "zoo.yaml")
    attack = BIM(epsilon=0.03, steps=2)
    each = [attack(spec.load(), found.image, found.label).double() for spec in zoo.sources]
    assert torch.allclose(found.perturbation.double(), sum(each) / 2, atol=1e-6)  # type: ignore[arg-type]
    assert [s.name for s in PerturbationSet.load(sets["sm"]).manifest.sources] == ["white"]
    figures = json.loads((sets["sm"] / "evaluation.json").read_text())
    assert {name: judge["white_box"] for name, judge in figures["judges"].items()} == {
        "nin_cifar10": False,
        "white": True,
        "preresnet20_cifar10": False,
    }
    judge = zoo.judges[0].load()
    strength = (judge(found.image + 0.03 * found.perturbation.sign()).argmax(1) == found.label).float().mean().item()
    assert json.loads((sets["mm"] / "evaluation.json").read_text())["judges"]["nin_cifar10"]["attack"] == strength
    main(["report", *map(str, sets.values()), "--out", str(tmp_path / "page")])
    page = (tmp_path / "page" / "index.html").read_text()
    assert "ImageNet&#39;s mean and standard deviation, times 0.05" in page
    assert "chance is 1 in 10" in page
    assert "with a star, which the means leave out" in page


def test_imagenet_is_judged_among_its_classes(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(build("fdmobilenet_wd4", {}).state_dict(), tmp_path / "fdmobilenet_wd4.pth")
    (tmp_path / "zoo.yaml").write_text("data: imagenet\nweights: .\nsources: [fdmobilenet_wd4]\n")
    generator = np.random.default_rng(0)
    for wnid, count in (("n01514668", 2), ("n07749582", 1)):  # cock, lemon
        (tmp_path / "val" / wnid).mkdir(parents=True)
        for i in range(count):
            pixels = generator.integers(0, 256, (240, 300, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "val" / wnid / f"{i}.png")
    shared = ["--zoo", str(tmp_path / "zoo.yaml"), "--out", str(tmp_path / "out")]
    images = ["--data.root", str(tmp_path / "val"), "--data.classes", "[cock,lemon]", "--data.per_class", "null"]
    main(["predict", "--config", "imagenet-sm-gradient", *shared, *images])
    found = PerturbationSet.load(tmp_path / "out")
    assert found.label.tolist() == [7, 7, 951]
    main(["test", "--config", "imagenet-test", *shared, "--model.judges", "[fdmobilenet_wd4]"])
    figures = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert figures["answers"] == 2
    assert figures["judges"]["fdmobilenet_wd4"]["white_box"]
    logits = Zoo.open(tmp_path / "zoo.yaml").models[0].load()(judge_input(found.perturbation, DATA_SETS["imagenet"]))
    right = ((logits[:, 951] > logits[:, 7]) == (found.label == 951)).float().mean().item()
    assert figures["judges"]["fdmobilenet_wd4"]["recognized"] == pytest.approx(right)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model.sources", "[resnet21]"], "has no model 'resnet21'; it has resnet20_cifar10"),
        (["--data.per_class", "3"], "class 0 has 2 images, per_class asks for 3"),
        (["--zoo", "imagenet"], "source model resnet50 takes images [3, 224, 224], the data are [3, 32, 32]"),
        (["--zoo", "cifar11"], "nor one of cifar10, imagenet"),
    ],
)
def test_bad_input_is_one_line(
    cifar10: Path, tmp_path: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("lit_adv.zoo.model_spec.fetch_published", lambda _: pytest.fail("nothing is to be fetched"))
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "--config", "cifar10-sm-bim", *words(cifar10, tmp_path), *more])
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "manifest.json").exists()


@pytest.mark.soak
def test_bad_weights_end_all_processes_with_one_line(cifar10: Path, tmp_path: Path, run: Run) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for path in cifar10.iterdir():
        (bad / path.name).write_bytes(path.read_bytes())
    torch.save(build("nin_cifar10", {}).state_dict(), bad / "preresnet20_cifar10.pth")
    arguments = words(bad, tmp_path / "out")
    done = run("-m", "lit_adv", "predict", "--config", "cifar10-mm-bim", *arguments, "--trainer.devices", "2")
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("lit-adv: "))
    assert "preresnet20_cifar10.pth does not fit preresnet20_cifar10" in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()
