"""Eq. 4.1's average: against a plain double loop in float64, and bit for bit whatever the order."""

import pytest
import torch

from lit_adv.perturbations.exact_mean import ExactMean


def test_against_a_plain_loop_in_float64() -> None:
    generator = torch.Generator().manual_seed(0)
    deltas = 0.2 * torch.randn(4, 5, 3, 1, 4, 4, generator=generator)  # model, copy, image
    mean = ExactMean((3, 1, 4, 4), expected=20)
    for model in range(4):
        for copy in range(5):
            mean.add(torch.arange(3), deltas[model, copy])
    expected = torch.zeros(3, 1, 4, 4, dtype=torch.float64)
    for model in range(4):
        for copy in range(5):
            expected += deltas[model, copy].double() / 20
    assert (mean.mean().double() - expected).abs().max() < 1e-7
    assert mean.count.tolist() == [20, 20, 20]


def test_any_order_gives_the_same_bits() -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 3, (300,), generator=generator)
    deltas = torch.randn(300, 1, 4, 4, generator=generator)
    results = []
    for order in (torch.arange(300), torch.randperm(300, generator=generator)):
        mean = ExactMean((3, 1, 4, 4), expected=300)
        for part in order.split(7):
            mean.add(image[part], deltas[part])
        results.append((mean.total, mean.count))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2.0**22])
def test_refuses_what_it_cannot_sum(value: float) -> None:
    mean = ExactMean((1, 1, 1, 2), expected=2)
    with pytest.raises(ValueError, match="magnitude"):
        mean.add(torch.tensor([0]), torch.tensor([[[[0.1, value]]]]))
    assert mean.count.item() == 0


def test_what_was_added_can_be_taken_off_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(2)
    image, first, second = torch.arange(3), *torch.randn(2, 3, 1, 4, 4, generator=generator)
    mean, other = ExactMean((3, 1, 4, 4), expected=2), ExactMean((3, 1, 4, 4), expected=2)
    mean.add(image, first)
    checksum = mean.add(image, second)
    swapped = second.clone()
    swapped[0, 0, 0, :2] = second[0, 0, 0, :2].flip(0)  # the same sum
    for images, wrong in ((image, swapped), (image, first), (image.flip(0), second)):
        with pytest.raises(ValueError, match="not bit for bit"):
            mean.subtract(images, wrong, checksum)
    mean.subtract(image, second, checksum)
    other.add(image, first)
    assert torch.equal(mean.total, other.total)
    assert torch.equal(mean.count, other.count)


def test_the_layout_of_memory_does_not_matter() -> None:
    delta = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    means = [ExactMean((2, 3, 4, 4), expected=1) for _ in range(2)]
    layouts = (torch.contiguous_format, torch.channels_last)
    first, second = (
        mean.add(torch.arange(2), delta.contiguous(memory_format=layout))
        for mean, layout in zip(means, layouts, strict=True)
    )
    assert first == second
    assert torch.equal(means[0].total, means[1].total)
