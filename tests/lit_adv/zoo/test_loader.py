"""One model is current, the next one is loaded beside it, and both take the form that is asked for."""

import threading
import weakref

import pytest
import torch
from torch import nn

from lit_adv.errors import InputError
from lit_adv.models.fast import BFloat16Model
from lit_adv.models.stack import Stack
from lit_adv.zoo.loader import ModelLoader
from lit_adv.zoo.model_spec import ModelSpec
from lit_adv.zoo.zoo import Zoo


def test_only_the_present_model_and_the_next_are_in_memory(zoo: Zoo) -> None:
    loader = ModelLoader(zoo.sources)
    kept = []
    for place in range(3):
        kept.append(weakref.ref(loader.model(place)))
        loader.load_ahead((place + 1) % 3)
    assert [model() is None for model in kept] == [True, True, False]


def test_the_next_model_is_loaded_beside_the_present_one(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, str]] = []
    load = ModelSpec.load

    def noting(self: ModelSpec) -> nn.Module:
        loaded.append((self.name, threading.current_thread().name))
        return load(self).double()

    monkeypatch.setattr(ModelSpec, "load", noting)
    loader = ModelLoader(zoo.sources)
    image = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = [spec.load()(image) for spec in zoo.sources]
    loaded.clear()
    for place, following in ((0, 1), (1, 0), (2, None)):  # the second guess is wrong
        assert torch.allclose(loader.model(place)(image), expected[place], atol=1e-9)
        loader.load_ahead(place)  # is there already
        if following is not None:
            loader.load_ahead(following)
    beside = [(name, thread.startswith("load the next model")) for name, thread in loaded]
    assert beside == [("model-001", False), ("model-002", True), ("model-001", True), ("model-003", False)]


def test_forms(zoo: Zoo) -> None:
    network = zoo.sources[0].load()
    assert ModelLoader(zoo.sources, exact=True).ready([network]) is network
    assert isinstance(ModelLoader(zoo.sources, bf16=True).model(0), BFloat16Model)
    assert isinstance(ModelLoader(zoo.sources).model(0, 3), Stack)


def test_what_cannot_be_loaded_is_said_when_it_is_asked_for(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    loader = ModelLoader(zoo.sources)
    loader.model(0)

    def refuse(self: ModelSpec) -> nn.Module:
        raise InputError(f"no weights of {self.name}")

    monkeypatch.setattr(ModelSpec, "load", refuse)
    loader.load_ahead(1)  # says nothing yet
    with pytest.raises(InputError, match="no weights of model-002"):
        loader.model(1)
    monkeypatch.undo()
    loader.model(1)
