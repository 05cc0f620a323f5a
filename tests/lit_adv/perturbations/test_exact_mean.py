"""Eq. 4.1's average: against a plain double loop in float64, and bit for bit whatever the order."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from lit_adv.errors import InputError
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


@pytest.mark.parametrize("size", [1e-20, 1e-15, 1e-6, 1.0, 1e3])
def test_two_words_keep_the_digits_of_tiny_and_large_gradients(size: float) -> None:
    """Against means in float64; 40 fraction bits give 0 below 2⁻⁴¹."""
    generator = torch.Generator().manual_seed(5)
    deltas = size * torch.randn(12, 2, 3, 8, 8, generator=generator)
    mean, coarse = ExactMean((2, 3, 8, 8), 12, 80), ExactMean((2, 3, 8, 8), 12)
    for delta in deltas:
        mean.add(torch.arange(2), delta)
        coarse.add(torch.arange(2), delta)
    expected = deltas.double().mean(0).flatten(1)
    found = mean.mean().double().flatten(1)
    assert functional.cosine_similarity(found / size, expected / size, 1).min() > 1 - 1e-8
    assert ((found - expected).abs() <= 6e-8 * expected.abs() + 2.0**-81).all()
    assert found.unique().numel() >= 0.99 * expected.float().unique().numel()
    if size < 2.0**-45:
        assert not coarse.mean().any()
    if size >= 1:  # the same but for the last digits
        assert torch.allclose(coarse.mean(), mean.mean(), rtol=1e-6, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), bits=st.sampled_from([40, 80]))
def test_no_order_and_no_division_among_processes_changes_a_bit(data: st.DataObject, bits: int) -> None:
    number = st.floats(-1e3, 1e3, width=32) | st.floats(-(2.0**-38), 2.0**-38, width=32)
    values = data.draw(st.lists(number, min_size=1, max_size=12))
    order = data.draw(st.permutations(range(len(values))))
    process = data.draw(st.lists(st.integers(0, 2), min_size=len(values), max_size=len(values)))
    delta = torch.tensor(values).view(-1, 1, 1, 1)
    image = torch.zeros(1, dtype=torch.int64)
    whole = ExactMean((1, 1, 1, 1), 12, bits)
    for each in delta:
        whole.add(image, each[None])
    parts = [ExactMean((1, 1, 1, 1), 12, bits) for _ in range(3)]
    for place in order:
        parts[process[place]].add(image, delta[place, None])
    total = sum(part.total for part in parts)
    assert torch.equal(torch.as_tensor(total), whole.total)
    exact = sum(Fraction(value) for value in values) / len(values)
    error = Fraction(whole.mean().item()) - exact
    assert abs(error) <= Fraction(1, 2 ** (bits + 1)) + abs(exact) / 2**23


@settings(max_examples=50, deadline=None)
@given(value=st.floats(-(2.0**-38), 2.0**-38, width=32) | st.floats(-(2.0**-78), 2.0**-78, width=32))
@pytest.mark.parametrize("bits", [40, 80])
def test_what_rounds_to_zero(bits: int, value: float) -> None:
    mean = ExactMean((1, 1, 1, 1), 1, bits)
    delta = torch.tensor([[[[value]]]])
    mean.add(torch.tensor([0]), delta)
    assert mean.rounds_to_zero(delta).item() == (not mean.total.any())


def test_the_largest_sums_stay_exact() -> None:
    """As many perturbations as there may be, each as large as it may be: no word leaves int64."""
    mean = ExactMean((1, 1, 1, 1), 2**22, 80)
    largest = torch.tensor([[[[1 - 2.0**-41 - 2.0**-53]]]], dtype=torch.float64)
    mean.add(torch.tensor([0]), largest)
    assert all(abs(int(word)) * 2**22 < 2**63 for word in mean.total.flatten())
    with pytest.raises(InputError, match="4194305 perturbations of an image are more than can be summed exactly"):
        ExactMean((1, 1, 1, 1), 2**22 + 1)
