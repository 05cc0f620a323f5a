"""Sums of single numbers: exact, whatever the order."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_adv.perturbations.exact_scalars import ExactScalars, square_norms


@settings(max_examples=50, deadline=None)
@given(data=st.data(), bits=st.sampled_from([80, 160]))
def test_any_order_gives_the_same_bits(data: st.DataObject, bits: int) -> None:
    number = st.floats(0, 1e15) | st.floats(0, 2.0**-60)
    values = data.draw(st.lists(number, min_size=1, max_size=12))
    order = data.draw(st.permutations(range(len(values))))
    sums = [ExactScalars(2, bits) for _ in range(2)]
    for place in range(len(values)):
        sums[0].add(torch.tensor([1]), torch.tensor([values[place]], dtype=torch.float64))
        sums[1].add(torch.tensor([1]), torch.tensor([values[order[place]]], dtype=torch.float64))
    assert torch.equal(sums[0].total, sums[1].total)
    exact = sum(map(Fraction, values))
    error = abs(Fraction(sums[0].sums()[1].item()) - exact)
    assert error <= len(values) * Fraction(1, 2 ** (bits - 40)) + exact / 2**50
    sums[0].add(torch.tensor([1]), torch.tensor([values[0]], dtype=torch.float64), -1)
    sums[1].add(torch.tensor([1]), torch.tensor([values[0]], dtype=torch.float64), -1)
    assert torch.equal(sums[0].total, sums[1].total)
    assert not sums[0].total[:, 0].any()


@pytest.mark.parametrize("size", [1e-12, 1.0])
def test_norms_do_not_depend_on_the_batch(size: float) -> None:
    delta = size * torch.randn(6, 3, 17, 19, generator=torch.Generator().manual_seed(0))
    norms = square_norms(delta)
    assert torch.allclose(norms, delta.double().flatten(1).norm(dim=1).square())
    for row in range(6):
        assert torch.equal(square_norms(delta[row : row + 1]), norms[row : row + 1])
    assert torch.equal(square_norms(delta.contiguous(memory_format=torch.channels_last)), norms)
