"""Shares of classes that a known model gives noise."""

import torch

from lit_adv.evaluation.noise_classes import noise_classes


def test_shares_add_up_and_follow_the_model() -> None:
    shapes: list[int] = []

    def model(x: torch.Tensor) -> torch.Tensor:
        shapes.append(len(x))
        assert torch.allclose(x.mean((0, 2, 3)), torch.tensor([0.2, 0.6]), atol=0.01)
        assert torch.allclose(x.std((0, 2, 3)), torch.tensor([0.1, 0.3]), atol=0.01)
        bright = (x[:, 0, 0, 0] > 0.2).long()  # a coin
        return torch.nn.functional.one_hot(bright + 1, 3).float()

    found = dict(noise_classes(model, (2, 16, 16), (0.2, 0.6), (0.1, 0.3), 250))
    assert shapes == [100, 100, 50]
    assert found.keys() == {1, 2}
    assert abs(sum(found.values()) - 1) < 1e-9
    assert 0.4 < found[1] < 0.6
    again = noise_classes(model, (2, 16, 16), (0.2, 0.6), (0.1, 0.3), 250)
    assert dict(again) == found
