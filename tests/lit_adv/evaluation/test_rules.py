"""The rules of Tables 4.3 and 4.4 on hand-computed values."""

import pytest
import torch

from lit_adv.data_sets import DATA_SETS
from lit_adv.evaluation.recognizability import by_class, judge_input, predicted_class
from lit_adv.evaluation.strength import adversarial_example, equal_l2, norms, random_noise


def test_mnist_is_binary() -> None:
    delta = torch.tensor([-0.3, 0.0, 1e-9, -1e-9, 2.0])
    assert judge_input(delta, DATA_SETS["mnist"]).tolist() == [1, 0, 0, 1, 0]
    assert judge_input(delta, DATA_SETS["mnist"], targeted=True).tolist() == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(("data", "scale"), [("cifar10", 0.05), ("imagenet", 0.5)])
def test_colours_are_matched_to_imagenet_and_scaled(data: str, scale: float) -> None:
    """Two pixels a channel: their mean goes to ImageNet's, their distance to twice its standard deviation."""
    delta = torch.tensor([[1.0, 3.0], [0.5, -0.5], [7.0, 9.0]]).view(1, 3, 1, 2)
    first = torch.tensor([0.485 + 0.229, 0.456 - 0.224, 0.406 + 0.225])
    second = torch.tensor([0.485 - 0.229, 0.456 + 0.224, 0.406 - 0.225])
    expected = scale * torch.stack([first, second], 1).view(1, 3, 1, 2)
    assert torch.allclose(judge_input(delta, DATA_SETS[data]), expected, atol=1e-6)
    assert torch.allclose(judge_input(-delta, DATA_SETS[data], targeted=True), expected, atol=1e-6)


def test_the_answer_is_among_the_classes_of_the_set() -> None:
    logits = torch.tensor([[9.0, 1.0, 2.0, 3.0], [9.0, 5.0, 2.0, 8.0]])
    assert predicted_class(logits, None).tolist() == [0, 0]
    assert predicted_class(logits, torch.tensor([1, 2])).tolist() == [2, 1]


def test_adversarial_example_is_not_clipped() -> None:
    image, delta = torch.tensor([0.0, 1.0, 0.5]), torch.tensor([-1e-6, 7.0, 0.0])
    assert torch.allclose(adversarial_example(image, delta, 0.2), torch.tensor([-0.2, 1.2, 0.5]))


def test_random_noise_has_one_magnitude_and_does_not_depend_on_batches() -> None:
    image = torch.rand(6, 1, 28, 28)
    noisy = random_noise(image, 0.2, seed=1)
    assert torch.allclose((noisy - image).abs(), torch.tensor(0.2).expand_as(image), atol=1e-6)
    assert abs(((noisy - image) > 0).float().mean().item() - 0.5) < 0.05
    assert torch.equal(noisy[4:], random_noise(image[4:], 0.2, seed=1, first=4))


def test_recognized_by_class() -> None:
    answers, labels = torch.tensor([5, 2, 2, 3, 5]), torch.tensor([5, 2, 3, 3, 2])
    assert by_class(answers, labels) == [(2, 0.5, 2), (3, 0.5, 2), (5, 1.0, 1)]


def test_equal_l2_has_the_norm_of_signs_and_keeps_what_is_small_small() -> None:
    image = torch.rand(4, 3, 5, 5)
    delta = torch.randn(4, 3, 5, 5) * torch.tensor([1.0, 1e-30, 1e-41, 0.0]).view(-1, 1, 1, 1)
    change = equal_l2(image, delta, 0.1) - image
    assert change[3].abs().max() == 0
    assert change[:3].flatten(1).norm(dim=1).tolist() == pytest.approx([0.1 * 75**0.5] * 3, rel=1e-4)
    ratio = change[0] / delta[0]
    assert torch.allclose(ratio, ratio.mean().expand_as(ratio), rtol=1e-3)
    found = norms(delta[:1], 0.1)
    assert found["attack"].linf == pytest.approx(0.1)
    assert [found[name].l2 for name in found] == pytest.approx([0.1 * 75**0.5] * 2)
    assert found["attack_l2"].linf == pytest.approx(float(change[0].abs().max()), rel=1e-4)


def test_norms_are_means_over_images() -> None:
    """The second image's perturbation is 0."""
    delta = torch.zeros(2, 1, 2, 2)
    delta[0, 0, 0] = torch.tensor([3.0, -4.0])
    found = norms(delta, 0.1)
    assert (found["attack"].linf, found["attack"].l2) == pytest.approx((0.05, 0.05 * 2**0.5))
    assert (found["attack_l2"].linf, found["attack_l2"].l2) == pytest.approx((0.2 * 0.8 / 2, 0.1))
