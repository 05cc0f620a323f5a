"""Augmentation moves and mirrors whole images, and nothing else."""

import torch
from torch.nn import functional

from trainers.classifier import moved_and_mirrored


def test_every_result_is_a_move_of_its_image_and_mirrored_half_of_the_time() -> None:
    torch.manual_seed(0)
    images = torch.rand(64, 3, 16, 16) + 0.1
    found = moved_and_mirrored(images)
    padded = functional.pad(images, (2, 2, 2, 2))
    windows = padded.unfold(2, 16, 1).unfold(3, 16, 1).flatten(2, 3).transpose(1, 2)  # [64, 25, 3, 16, 16]
    straight = (windows == found[:, None]).flatten(2).all(2)
    mirrored = (windows.flip(-1) == found[:, None]).flatten(2).all(2)
    assert (straight.sum(1) + mirrored.sum(1) == 1).all()
    assert 16 < int(mirrored.sum()) < 48
    assert len((straight | mirrored).int().argmax(1).unique()) > 15
