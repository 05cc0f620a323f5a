"""A second device without a GPU: its tensors hold CPU data and refuse to mix with CPU tensors, as CUDA's do.

torch's Python backend for PrivateUse1 gives it a name, `second`; a wrapper class gives it tensors; a fallback kernel
makes new ones. Registering it changes torch for the whole process: it becomes `torch.accelerator`'s. So tests use it in
a process of their own, see `tests/test_second_device.py`.

What it cannot do: it has no random generators (`torch.Generator(device="second")` raises), and its operations are those
of the CPU, one after the other, so that it shows nothing about streams or speed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from lit_adv.attacks.precision import widest

NAME: Final = "second"
WIDE: Final = (torch.float64, torch.complex128)

aten = torch.ops.aten
COPIES: Final = (aten.copy_.default, aten._to_copy.default)
"""Operations between devices."""
INDEXED: Final = (
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
    aten._unsafe_index.Tensor,
)
"""Operations whose positions may be on the CPU."""
FILLS: Final = (aten.masked_fill.Tensor, aten.masked_fill_.Tensor, aten.fill.Tensor, aten.fill_.Tensor)
"""Operations beside the elementwise ones that take a single number from the CPU."""
DIRECT: Final = (
    aten.copy_.default,
    aten._local_scalar_dense.default,
    aten.arange.default,
    aten.arange.start,
    aten.arange.start_step,
    aten.randperm.generator,
    aten.randperm.default,
    aten.eye.m,
)
"""Operations with kernels of their own: `torch.tensor` shuts the wrappers' way, and some resize what they fill."""


class SecondTensor(Tensor):
    """Tensor of the second device.

    Attributes:
        held: its data, on the CPU.
        has_float64: whether the device has float64 at present; Apple's MPS has not.
    """

    held: Tensor
    has_float64: ClassVar[bool] = True

    @staticmethod
    def __new__(cls, held: Tensor) -> "SecondTensor":
        if held.dtype in WIDE and not cls.has_float64:
            raise TypeError(f"Cannot convert a tensor to {held.dtype}: the device {NAME} has no float64")
        made: SecondTensor = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return compute(func, args, kwargs or {})

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        return Tensor.data.__get__(self)  # type: ignore[attr-defined, no-any-return]

    @data.setter
    def data(self, other: "SecondTensor") -> None:  # torch would replace all but `held`
        Tensor.data.__set__(self, other)  # type: ignore[attr-defined]
        self.held = other.held

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy. Use Tensor.cpu() first")
        return self.held.numpy()

    def __repr__(self, **_: Any) -> str:
        return f"{self.held!r} on {NAME}"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.detach().cpu().__reduce_ex__(protocol)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        with torch.no_grad():
            copied = self.clone()
        if isinstance(self, torch.nn.Parameter):
            copied = torch.nn.Parameter(copied, self.requires_grad)
        memo[id(self)] = copied
        return copied.requires_grad_(self.requires_grad)


def compute(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Computes an operation on the data that tensors of the second device hold, and refuses what CUDA refuses.

    Raises:
        RuntimeError: tensors are on two devices, or a random generator is the CPU's.
        TypeError: the result is float64, and the device has none.
    """
    refuse_two_devices(func, args, kwargs)
    if kwargs.get("generator") is not None:
        raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'")
    wanted = [value for value in pytree.tree_leaves((args, kwargs)) if isinstance(value, torch.device)]
    here = all(one.type == NAME for one in wanted)
    ordinary = func.is_view and not args[0].is_inference()  # such a view is none of inference mode's tensors either
    given: dict[int, Tensor] = {}

    def unwrap(value: Any) -> Any:
        if isinstance(value, torch.device):
            return torch.device("cpu") if here else value
        if isinstance(value, Tensor):
            found = value.held if isinstance(value, SecondTensor) else value
            given[id(found)] = value
            return found
        return value

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if not here:
            return value.clone() if id(value) in given else value
        if (known := given.get(id(value))) is not None:
            if known.shape != value.shape:
                raise NotImplementedError(f"{func} changes the shape of a tensor of the device {NAME}")
            return known
        with torch.inference_mode(torch.is_inference_mode_enabled() and not ordinary):
            return SecondTensor(value)

    inner = pytree.tree_map(unwrap, (args, kwargs))
    result = func(*inner[0], **inner[1])
    if torch.Tag.inplace_view in func.tags:
        with torch._C._DisableTorchDispatch():  # type: ignore[attr-defined]
            func(*args, **kwargs)  # the wrapper's own shape
    return pytree.tree_map(wrap, result)


def refuse_two_devices(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuses operations on CPU tensors among those of the second device.

    As on CUDA, copies between devices, positions on the CPU for a tensor of the device, and single numbers among
    elementwise operands are allowed.

    Raises:
        RuntimeError: tensors are on two devices.
    """
    if func in COPIES:
        return
    if func in INDEXED and isinstance(args[0], SecondTensor):
        args = (args[0], *args[2:])
        if len(args) > 1 and args[1].ndim == 0:  # one value for all positions
            return
    elementwise = torch.Tag.pointwise in func.tags or func in FILLS
    for value in pytree.tree_leaves((args, kwargs)):
        if isinstance(value, Tensor) and not isinstance(value, SecondTensor) and not (elementwise and value.ndim == 0):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {NAME}:0 and "
                f"{value.device}! ({func})"
            )


class Backend:
    """What torch asks of `torch.second`."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """Does nothing: random numbers are drawn from the CPU's generator."""

    def get_rng_state(self, device: Any = None) -> Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Tensor, device: Any = None) -> None:
        torch.set_rng_state(state)

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


def register() -> torch.device:
    """Registers the device in this process, and returns it."""
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    if torch._C._get_privateuse1_backend_name() != NAME:
        _setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
        fallbacks, kernels = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
        registered.extend([fallbacks, kernels])
        fallbacks.fallback(lambda func, *args, **kwargs: compute(func, args, kwargs), "PrivateUse1")
        fallbacks.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
        for func in DIRECT:
            kernels.impl(func, lambda *args, func=func, **kwargs: compute(func, args, kwargs), "PrivateUse1")
    return torch.device(NAME, 0)


registered: Final[list[torch.library.Library]] = []  # kernels go when their library does


@contextmanager
def without_float64() -> Iterator[None]:
    """Takes float64 away from the device, as on Apple's MPS."""
    SecondTensor.has_float64 = False
    widest.cache_clear()
    try:
        yield
    finally:
        SecondTensor.has_float64 = True
        widest.cache_clear()
