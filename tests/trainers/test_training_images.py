"""Own images for training: split by class, or two folders; their mean and deviation go with the models."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.labelled import Labelled
from datamodules.training_images import ImagesTraining
from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo

SMALL = {"resize": 32, "crop": 32, "class_list": "folders"}
CLASSES = ("blue", "red")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Ten pictures of each of two classes."""
    generator = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for place in range(10):
            pixels = generator.integers(0, 100, (32, 32, 3))
            pixels[..., 2 * number] += 150
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "pictures" / name / f"{place:02d}.png")
    return tmp_path / "pictures"


def test_every_fifth_of_a_class_is_for_testing(root: Path) -> None:
    data = ImagesTraining(root, **SMALL)  # type: ignore[arg-type]
    loaded = data.load()
    assert loaded.train_labels.tolist() == [0] * 8 + [1] * 8
    assert loaded.test_labels.tolist() == [0, 0, 1, 1]
    last = torch.from_numpy(np.array(Image.open(root / "red" / "09.png"))).permute(2, 0, 1) / 255
    assert torch.equal(loaded.test_images[3], last)
    described = data.describe()
    assert described["classes"] == list(CLASSES)
    assert described["mean"] == pytest.approx(loaded.train_images.mean((0, 2, 3)).tolist(), abs=1e-5)
    assert described["std"] == pytest.approx(loaded.train_images.std((0, 2, 3), correction=0).tolist(), abs=1e-5)


def test_two_folders(root: Path, tmp_path: Path) -> None:
    data = ImagesTraining(root, test_root=root, **SMALL)  # type: ignore[arg-type]
    assert len(data.load().train_labels) == len(data.load().test_labels) == 20
    for name in ("blue", "green"):
        (tmp_path / "other" / name).mkdir(parents=True)
        Image.open(root / "red" / "00.png").save(tmp_path / "other" / name / "a.png")
    with pytest.raises(InputError, match="holds other classes than"):
        ImagesTraining(root, test_root=tmp_path / "other", **SMALL).load()  # type: ignore[arg-type]


def test_options_that_contradict_each_other(root: Path) -> None:
    with pytest.raises(InputError, match="test_every is 1; it must be a whole number, 2 or more"):
        ImagesTraining(root, test_every=1)
    with pytest.raises(InputError, match="test_root is for class folders"):
        ImagesTraining(root, labels=root / "a.csv", test_root=root)


def test_classes_without_images() -> None:
    images = torch.zeros(3, 1, 2, 2)
    data = Labelled(images, torch.tensor([0, 0, 2]), images, torch.tensor([0, 1, 2]))
    with pytest.raises(InputError, match=r"1 of 3 classes have no images for training: 1 \(b\); add some"):
        data.refuse_missing("abc")
    with pytest.raises(InputError, match="there are no images for testing"):
        Labelled(images, torch.arange(3), images[:0], torch.arange(0)).refuse_missing("abc")


def test_a_zoo_of_own_images_is_attacked_and_judges(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], in_this_process: None
) -> None:
    zoo, out = tmp_path / "zoo", tmp_path / "out"
    images = ["--data.root", str(root), "--data.resize", "32", "--data.crop", "32", "--data.class_list", "folders"]
    words = ["--config", "images-zoo", *images, "--trainer.max_epochs", "1", "--data.batch_size", "8", "--count", "2"]
    words += ["--test_models", "1", "--model.architecture", "torchvision:squeezenet1_1", "--out", str(zoo)]
    with pytest.raises(SystemExit, match="2"):
        main(["fit", *words])
    assert "it may take --model.arguments.num_classes 2" in capsys.readouterr().err
    words += ["--model.arguments.num_classes", "2", "--model.learning_rate", "0.001", "--processes", "1"]
    main(["fit", *words])
    spec = Zoo.open(zoo).sources[0]
    assert (spec.classes, spec.image_shape) == (2, (3, 32, 32))
    assert spec.mean == tuple(spec.training["recipe"]["images"]["mean"])
    few = ["--data.per_class", "1", "--data.copies", "1", "--trainer.accelerator", "cpu", "--model.attack.steps", "1"]
    main(["predict", "--config", "images-nmm-bim", *images, *few, "--zoo", str(zoo), "--out", str(out)])
    assert PerturbationSet.load(out).data_set.class_names() == CLASSES
    main(["test", "--config", "images-test", "--zoo", str(zoo), "--out", str(out)])
