"""The map draws from the image alone, and is known by its weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import lit_adv
from lit_adv.attacks import Map
from lit_adv.attacks.map import save_map, unit
from lit_adv.attacks.unet import UNet, edges
from lit_adv.errors import InputError
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, predict

SMALL: dict[str, Any] = {"channels": 1, "width": 2, "levels": 2, "sees": "image"}


@pytest.fixture
def weights(tmp_path: Path) -> str:
    save_map(UNet(**SMALL), SMALL, tmp_path / "map.safetensors")
    return str(tmp_path / "map.safetensors")


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (2, 3, 33, 17), (1, 1, 1, 1)])
@pytest.mark.parametrize("levels", [0, 1, 3])
def test_pictures_have_the_images_shape(shape: tuple[int, ...], levels: int) -> None:
    assert UNet(shape[1], 2, levels).eval()(torch.rand(shape)).shape == shape


def test_the_usual_one_has_about_120_000_weights() -> None:
    assert sum(weight.numel() for weight in UNet().parameters()) == pytest.approx(120_000, rel=0.05)


@pytest.mark.parametrize(("levels", "reach"), [(0, 2), (1, 9)])
def test_a_pixel_is_drawn_from_what_is_near(levels: int, reach: int) -> None:
    image = torch.rand(1, 1, 40, 40, requires_grad=True)
    UNet(1, 4, levels).eval()(image)[0, 0, 20, 20].backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    seen = image.grad[0, 0].nonzero() - 20
    assert seen.abs().max() <= reach


def test_edges_of_a_ramp_and_their_blindness_for_its_sign() -> None:
    ramp = torch.arange(6.0).expand(1, 1, 5, 6)
    assert torch.equal(edges(ramp)[..., 1:-1], torch.ones(1, 1, 5, 4))
    image = torch.rand(2, 3, 9, 9)
    torch.testing.assert_close(edges(1 - image), edges(image))
    assert edges(torch.full((1, 1, 4, 4), 0.7)).max() < 1e-6


def test_the_model_and_the_label_are_ignored(weights: str) -> None:
    images = torch.rand(3, 1, 28, 28)
    attack = Map(weights=weights, epsilon=0.1)

    def model(x: Tensor) -> Tensor:
        raise AssertionError("it was asked")

    first = attack(model, images, torch.tensor([0, 1, 2]))
    assert torch.equal(first, attack(lambda x: x.flatten(1), images, torch.tensor([5, 5, 5])))
    torch.testing.assert_close(first.square().mean((1, 2, 3)).sqrt(), torch.full((3,), 0.1))
    double = attack(model, images.double(), torch.tensor([0, 1, 2]))
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), first)


def test_unit_of_minute_pictures() -> None:
    pictures = torch.rand(2, 1, 3, 3)
    torch.testing.assert_close(unit(pictures * 1e-30), unit(pictures))
    assert not unit(torch.zeros(1, 1, 3, 3)).any()


def test_what_is_refused(weights: str, tmp_path: Path) -> None:
    images, labels = torch.rand(1, 1, 8, 8), torch.tensor([1])
    with pytest.raises(InputError, match="Map is untargeted"):
        Map(weights=weights)(lambda x: x, images, labels, targets=labels + 1)
    with pytest.raises(InputError, match="is for images of 1 channels, not 3"):
        Map(weights=weights)(lambda x: x, images.repeat(1, 3, 1, 1), labels)
    with pytest.raises(InputError, match=r"cannot read weights .*; train them with lit-adv fit --config mnist-map"):
        Map(weights=str(tmp_path / "none"))
    (tmp_path / "other").write_bytes(b"no weights")
    with pytest.raises(InputError, match="holds no map"):
        Map(weights=str(tmp_path / "other"))
    with pytest.raises(InputError, match="expected is 0000"):
        Map(weights=weights, checksum="0000")
    with pytest.raises(InputError, match="epsilon is 0"):
        Map(weights=weights, epsilon=0)


def test_in_predict_and_in_average(zoo: Zoo, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*TINY, "--model.attack", "Map", "--model.attack.weights", weights, "--model.sources", "1"]
    found = predict("mnist-mm-gradient", zoo, tmp_path / "run", *words)
    images, labels = lit_adv.digits(per_class=1)
    same = lit_adv.average(zoo.sources, images, labels, lit_adv.Map(weights=weights))
    torch.testing.assert_close(same.perturbation, found.perturbation)
    record = PerturbationSet.load(tmp_path / "run").manifest.attack
    assert (record.name, record.parameters["checksum"]) == ("Map", Map(weights=weights).checksum)
    save_map(UNet(**SMALL), SMALL, Path(weights))  # other weights, by the same name
    with pytest.raises(SystemExit, match="2"):
        predict("mnist-mm-gradient", zoo, tmp_path / "run", *words)
    assert "checksum" in capsys.readouterr().err
