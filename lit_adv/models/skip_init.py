"""Networks without random weights, for weights that are loaded next."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

RANDOM_FILLS: Final = frozenset(
    getattr(Tensor, name)
    for name in ("bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_")
)


class SkipInit(TorchFunctionMode):
    """Context in which no parameter is filled at random: building takes less time and draws from no generator.

    The parameters hold arbitrary values after it. It applies to its own thread.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        filled = args[0] if args else (kwargs or {}).get("tensor")
        fills = function in RANDOM_FILLS or getattr(function, "__module__", "") == "torch.nn.init"
        if fills and isinstance(filled, nn.Parameter):
            return filled
        return function(*args, **(kwargs or {}))
