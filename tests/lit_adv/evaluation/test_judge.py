"""Judges whose answers are none are refused wherever they are asked, by name, with the images concerned."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lit_adv.data_sets import DATA_SETS
from lit_adv.errors import InputError
from lit_adv.evaluation.evaluate import evaluate
from lit_adv.evaluation.judge import judge_says
from lit_adv.evaluation.masking_effect import Masked
from lit_adv.evaluation.noise_classes import noise_classes
from lit_adv.models.build import check_fit
from lit_adv.reproduce.judges import Judges
from tests.lit_adv.evaluation.test_evaluate import judge, small_set


def broken_at(bright: float, value: float) -> Callable[[Tensor], Tensor]:
    """Logits that hold `value` for images whose first pixel is at least `bright`."""

    def model(images: Tensor) -> Tensor:
        logits = judge(0)(images).clone()
        logits[images[:, 0, 0, 0] >= bright, 3] = value
        return logits

    return model


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("batch_size", [5, 256])
def test_the_judge_and_the_images_are_named(value: float, batch_size: int) -> None:
    one = small_set()
    brightest = int(one.image[:, 0, 0, 0].argmax())
    judges = {"good": judge(1), "bad": broken_at(float(one.image[:, 0, 0, 0].max()), value)}
    with pytest.raises(InputError, match=f"judge bad gives NaN or infinite logits for images {brightest} of the set"):
        evaluate(one, judges, epsilon=0.03, batch_size=batch_size)


def test_everything_that_asks_a_judge_refuses_it() -> None:
    one, bad = small_set(), broken_at(-math.inf, math.nan)
    mask = torch.ones(12, 32, 32, dtype=torch.int8)
    masked = Masked(one.image, one.perturbation, one.label, mask, [bad], names=["b"])
    with pytest.raises(InputError, match=r"judge b gives NaN .* images 0, 1, 2, 3, 4, 5, 6, 7 and 4 more"):
        masked.attacked(masked.part("contour"), 0.03)
    data = DATA_SETS["cifar10"]
    with pytest.raises(InputError, match="judge b gives NaN"):
        noise_classes(bad, data.image_shape, data.mean, data.std, 3, name="b")
    judges = Judges(Path("none"), data)
    judges.__dict__["models"] = {"b": bad}
    with pytest.raises(InputError, match="judge b gives NaN"):
        judges.seen(one.image)
    with pytest.raises(InputError, match="judge b gives NaN"):
        judges.answers(one)


def test_a_judge_that_works_in_place_leaves_the_pictures_to_the_next_one() -> None:
    def blackening(images: Tensor) -> Tensor:
        return judge(0)(images.mul_(0))

    pictures = torch.rand(2, 3, 32, 32)
    kept = pictures.clone()
    judge_says(blackening, pictures, "a")
    assert torch.equal(pictures, kept)


def test_a_judge_of_another_type_is_one_line() -> None:
    double = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double().eval()
    with pytest.raises(InputError, match="the images are float32, the model's weights float64"):
        judge_says(double, torch.rand(2, 1, 2, 2), "a")


def test_pictures_that_are_not_finite_are_not_the_judge_s_fault() -> None:
    with pytest.raises(InputError, match="what judge a is to see of images 1 holds NaN"):
        judge_says(judge(0), torch.tensor([0.0, math.nan]).view(2, 1, 1, 1).expand(2, 3, 32, 32), "a")


def test_logits_are_found_and_what_has_none_is_described() -> None:
    pictures = torch.rand(2, 3, 32, 32)
    assert torch.equal(judge_says(lambda x: {"logits": judge(0)(x)}, pictures, "a"), judge(0)(pictures))  # type: ignore[arg-type,return-value]
    with pytest.raises(InputError, match=r"judge a gives a tuple of a tensor \[2, 10\]"):
        judge_says(lambda x: (judge(0)(x),), pictures, "a")  # type: ignore[arg-type,return-value]
    with pytest.raises(InputError, match="judge a is in training mode"):
        judge_says(nn.Sequential(nn.Flatten(), nn.Dropout()), pictures, "a")


def test_a_model_of_nan_does_not_fit() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 10)).eval()
    check_fit(model, (1, 2, 2), 10, "a")
    nn.init.constant_(model[1].bias, math.inf)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a gives NaN or infinite logits"):
        check_fit(model, (1, 2, 2), 10, "a")


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf, 8.0])
def test_epsilon_is_in_pixel_values(epsilon: float) -> None:
    with pytest.raises(InputError, match=r"epsilon is .* in pixel values of"):
        evaluate(small_set(), {"a": judge(0)}, epsilon=epsilon)


def test_a_judge_that_needs_another_size() -> None:
    judge = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)).eval()
    with pytest.raises(InputError, match=r"judge small does not take images \[3, 4, 4\]: mat1 and mat2"):
        judge_says(judge, torch.zeros(2, 3, 4, 4), "small")
