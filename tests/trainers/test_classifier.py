"""Augmentation moves and mirrors whole images, and schedules of any length."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from datamodules.labelled import Labelled
from trainers.classifier import moved_and_mirrored
from trainers.recipe import ModelPlan, Recipe
from trainers.train_model import train_model


@pytest.mark.parametrize("epochs", [1, 2, 4])
def test_schedules_of_few_steps(epochs: int, data: Labelled, tmp_path: Path) -> None:
    """One step an epoch; torch's own schedule of four steps divides by 0."""
    numbers = {"epochs": epochs, "batch_size": 40, "learning_rate": 0.02, "weight_decay": 0.0}
    recipe = Recipe(data="cifar10", source="npz", seed=0, **numbers)  # type: ignore[arg-type]
    model = ModelPlan(name="r", role="source", number=0, architecture="resnet20_cifar10", arguments={})
    assert train_model(recipe, model, data, tmp_path).training["train"] == 40


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
