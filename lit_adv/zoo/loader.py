"""Loads source models one after the other: the current one, ready to be attacked, and the next one ahead of time."""

import gc
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import nn

from lit_adv.models.fast import BFloat16Model, fast_form
from lit_adv.models.own_code import is_own_code
from lit_adv.models.stack import Stack
from lit_adv.zoo.model_spec import ModelSpec

Models = tuple[int, int]
"""Position of the first source model, and how many from there are attacked as one."""
CPU = torch.device("cpu")


class ModelLoader:
    """Keeps the current source model, or stack of models, and at most the weights of the next.

    Args:
        sources: the source models, in order.
        exact: keep the networks unchanged, in place of their fast forms.
        bf16: run them in bfloat16.
    """

    def __init__(self, sources: Sequence[ModelSpec], exact: bool = False, bf16: bool = False) -> None:
        self._sources = sources
        self._exact = exact
        self._bf16 = bf16
        self._current: tuple[Models, nn.Module] | None = None
        self._next: tuple[Models, Future[list[nn.Module]]] | None = None
        self._thread = ThreadPoolExecutor(1, "load the next model")

    def model(self, first: int, count: int = 1, device: torch.device = CPU) -> nn.Module:
        """Source models `first` to `first + count − 1` as one, ready to be attacked, on `device`.

        Raises:
            InputError: one of them cannot be loaded.
        """
        if self._current is None or self._current[0] != (first, count):
            self._current = None
            gc.collect()  # traced networks refer to themselves, and would stay in memory beside the next
            # Lightning's default inference mode makes tensors that forbid gradients.
            with torch.inference_mode(False):
                models = self._loaded((first, count))
                self._current = (first, count), self.ready(models, device, self._sources[first].example())
        return self._current[1]

    def ready(
        self, models: list[nn.Module], device: torch.device = CPU, example: torch.Tensor | None = None
    ) -> nn.Module:
        """One model, or several as one, in the form in which they are attacked, on `device`.

        Args:
            models: loaded, on the CPU.
            device: where they are attacked.
            example: see `fast_form`.
        """
        model = models[0] if self._exact else Stack(models) if len(models) > 1 else fast_form(models[0], example)
        return (BFloat16Model(model) if self._bf16 else model).to(device)

    def load_ahead(self, first: int, count: int = 1) -> None:
        """Starts to load the weights of the next models in a thread beside the work on the current one.

        Own code waits for its turn: what it draws, as layers do when they are made, would come between attacks' draws.
        """
        own = any(is_own_code(spec.architecture) for spec in self._sources[first : first + count])
        if self._next is None and self._current is not None and self._current[0] != (first, count) and not own:
            self._next = (first, count), self._thread.submit(self._load, (first, count))

    def _loaded(self, wanted: Models) -> list[nn.Module]:
        if self._next is not None:
            ahead, future = self._next
            self._next = None
            future.exception()  # waits: tracing, which follows, must have all modules for itself
            if ahead == wanted:
                return future.result()
        return self._load(wanted)

    def _load(self, wanted: Models) -> list[nn.Module]:
        first, count = wanted
        return [spec.load() for spec in self._sources[first : first + count]]
