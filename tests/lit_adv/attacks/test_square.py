"""Square against what random search must reach on linear models, and its schedule and draws."""

import pytest
import torch
from torch import Tensor

from lit_adv.attacks import Square
from lit_adv.attacks.square import squares

LABELS = torch.zeros(5, dtype=torch.int64)


def images(rows: int = 5, channels: int = 1) -> Tensor:
    return torch.rand(rows, channels, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def robust(x: Tensor) -> Tensor:
    """Two classes, f_0 − f_1 = Σ x + 100: darkening lowers it, and nothing fools."""
    return torch.stack([x.flatten(1).sum(1) + 100, torch.zeros(len(x), dtype=x.dtype)], 1)


@pytest.mark.parametrize("targeted", [False, True])
def test_only_darkening_squares_are_kept(targeted: bool) -> None:
    targets = LABELS + 1 if targeted else None
    few = Square(epsilon=0.1, queries=3)(robust, images(), LABELS, targets=targets)
    assert set(few.unique().tolist()) <= {-0.1, 0.0}
    many = Square(epsilon=0.1, queries=3000)(robust, images(), LABELS, targets=targets)
    assert torch.equal(many, torch.full_like(many, -0.1))


@pytest.mark.parametrize("stripes", [False, True])
@pytest.mark.parametrize("targeted", [False, True])
def test_the_loss_never_rises_and_the_bound_is_met(stripes: bool, targeted: bool) -> None:
    weight = torch.randn(3, 36 * 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    bias = torch.tensor([60.0, 0.0, 60.0 if targeted else 0.0])  # nothing fools; two classes hold the target down
    history: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        logits = x.flatten(1) @ weight.T + bias
        history.append(loss(logits))
        return logits

    def loss(logits: Tensor) -> Tensor:
        if targeted:
            return torch.nn.functional.cross_entropy(logits, LABELS + 1, reduction="none")
        return logits[:, 0] - logits[:, 1:].amax(1)

    x = images(channels=2)
    attack = Square(epsilon=0.2, queries=150, stripes=stripes)
    delta = attack(model, x, LABELS, targets=LABELS + 1 if targeted else None)
    assert torch.allclose(delta.abs().amax((1, 2, 3)), torch.tensor(0.2, dtype=torch.float64))
    final = loss(x.add(delta).flatten(1) @ weight.T + bias)
    assert len(history) == 151
    assert torch.allclose(final, torch.stack(history).amin(0))  # of all that was tried, the best was kept
    assert (final < history[0]).all()


def test_fooled_samples_are_done() -> None:
    """f_0 − f_1 = Σ x − t with a threshold t for each sample: queries stop as soon as it is passed."""
    seen: list[int] = []

    def model(x: Tensor) -> Tensor:
        seen.append(len(x))
        return torch.stack([x.flatten(1).sum(1) - 17, torch.zeros(len(x), dtype=x.dtype)], 1)

    x = images(20)
    labels = torch.zeros(20, dtype=torch.int64)
    at_once = x.flatten(1).sum(1) < 17
    delta = Square(epsilon=0.2, queries=300)(model, x, labels)
    assert at_once.any()
    assert not at_once.all()
    assert torch.equal(delta[at_once], torch.zeros_like(delta[at_once]))
    assert ((x + delta).flatten(1).sum(1) < 17).all()
    assert seen[:2] == [20, int((~at_once).sum())]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) < 300


def test_the_schedule_is_the_originals() -> None:
    """p halves after 10, 50, 200, … of 10,000 queries; 28·28·0.8 pixels are a square of side 25."""
    attack = Square(epsilon=1, queries=10_000)
    sides = [attack.side(q, 28, 28) for q in (0, 10, 11, 50, 51, 200, 201, 500, 501, 8000, 8001, 9999)]
    assert sides == [25, 25, 18, 18, 13, 13, 9, 9, 6, 2, 1, 1]
    assert Square(epsilon=1, queries=100).side(2, 28, 28) == attack.side(200, 28, 28)
    assert Square(epsilon=1, queries=100, p_init=1).side(0, 28, 20) == 20


def test_squares_reach_every_pixel() -> None:
    start = torch.tensor([0.0, 0.5, 1 - 2**-24])
    masks = squares(start, start.flip(0), 2, 4, 5)
    assert masks.shape == (3, 1, 4, 5)
    assert masks.sum((1, 2, 3)).tolist() == [4, 4, 4]
    assert masks[0, 0].nonzero().tolist() == [[0, 3], [0, 4], [1, 3], [1, 4]]
    assert masks[1, 0].nonzero().tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    assert masks[2, 0].nonzero().tolist() == [[2, 0], [2, 1], [3, 0], [3, 1]]


def test_draws_belong_to_seed_and_sample() -> None:
    x = images()
    delta = Square(epsilon=0.1, queries=2)(robust, x, LABELS)
    assert not torch.equal(delta, Square(epsilon=0.1, queries=2, seed=1)(robust, x, LABELS))
    assert len({tuple(d.flatten().tolist()) for d in delta}) > 1
    state = torch.random.get_rng_state()
    Square(epsilon=0.1, queries=2)(robust, x, LABELS)
    assert torch.equal(state, torch.random.get_rng_state())
