"""Faster forms of models: folded, channels last, in reduced precision, many as one network."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.fx import GraphModule, symbolic_trace
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError
from torch.nn import functional

CHANNELWISE: Final = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity)
"""Layers that treat each channel by itself, and so stay as they are in a stack."""


def fast_form(model: nn.Module) -> nn.Module:
    """The same function of `[B, C, H, W]` images, quicker; single gradient elements can differ in float32.

    Batch normalisation is folded into the convolutions, a ReLU followed by a maximum goes behind it, where it has fewer
    values to treat and the same result, convolutions of single channels get the gradient of `SingleChannelConv`, and
    memory is laid out channels last. A network whose steps depend on values, which torch.fx cannot follow, keeps its
    batch normalisation and its layout.

    Args:
        model: in evaluation mode; it is not changed.
    """
    try:
        traced = symbolic_trace(model)
    except (TraceError, TypeError):  # some (DiCENet, MixNet, TensorFlow's EfficientNets) ask for values while they run
        fast: nn.Module = deepcopy(model)
        layout = torch.contiguous_format
    else:
        fast = _folded(traced)
        layout = torch.channels_last
    for name, layer in list(fast.named_modules()):
        if SingleChannelConv.fits(layer):
            fast.set_submodule(name, SingleChannelConv(layer))
    return fast.eval().requires_grad_(False).to(memory_format=layout)


def _folded(traced: GraphModule) -> GraphModule:
    folded = fuse(traced, no_trace=True)
    assert isinstance(folded, GraphModule)
    modules = dict(folded.named_modules())
    for node in folded.graph.nodes:
        after = next(iter(node.users), node)
        if node.op == "call_method" and node.target == "view":
            node.target = "reshape"  # a view of channels that come last need not exist
        kinds = [type(modules.get(str(n.target))) for n in (node, after)]
        if kinds == [nn.ReLU, nn.MaxPool2d] and len(node.users) == 1:
            node.target, after.target = after.target, node.target
    folded.recompile()
    return folded


class SingleChannelConv(nn.Module):
    """A convolution each of whose outputs sees one input channel, with a quicker gradient of its input.

    The usual gradient treats such a layer, the first of a network for grey images, as the general case, and can take
    longer than the rest of a small network. Here each output's gradient is convolved by itself, and these are added up.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        return (
            isinstance(layer, nn.Conv2d)
            and layer.in_channels == layer.groups < layer.out_channels
            and layer.padding_mode == "zeros"
            and layer.stride == layer.dilation == (1, 1)
            and not isinstance(layer.padding, str)
            and all(p < k for p, k in zip(layer.padding, layer.kernel_size, strict=True))
        )

    def forward(self, x: Tensor) -> Tensor:
        return _SingleChannelConv.apply(x, self.conv)  # type: ignore[no-any-return]


class _SingleChannelConv(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, conv: nn.Conv2d) -> Tensor:
        ctx.conv = conv
        result: Tensor = conv(x)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        conv: nn.Conv2d = ctx.conv
        assert isinstance(conv.padding, tuple)
        padding = [k - 1 - p for k, p in zip(conv.kernel_size, conv.padding, strict=True)]
        each = functional.conv2d(gradient, conv.weight.flip(2, 3), padding=padding, groups=conv.out_channels)
        return each.unflatten(1, (conv.groups, -1)).sum(2), None


class Reduced(nn.Module):
    """A model in bfloat16 for a caller in float32: images come in and logits and gradients go out as float32.

    The model sees images rounded to 8 significant bits. It is taken over and converted in place.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.to(torch.bfloat16)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images.to(torch.bfloat16)).float()
        return logits


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bfloat16 by itself; others do so slower than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class Stack(nn.Module):
    """Several networks of one architecture as one, with grouped convolutions.

    It takes `[G·B, C, H, W]`, B images for the first network, then B for the second and so on, and gives `[G·B, K]`.
    Small batches of small networks cost less this way, having fewer and larger operations.

    Args:
        models: in evaluation mode; see `stackable`.

    Raises:
        TypeError: they cannot be stacked.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        if not stackable(models):
            raise TypeError("only nn.Sequential networks of the same known layers can be stacked")
        self.size = len(models)
        columns = zip(*(_layers(_folded(symbolic_trace(model))) for model in models), strict=True)
        self.layers = nn.Sequential(*(_merge(column) for column in columns))
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        side_by_side = images.unflatten(0, (self.size, -1)).transpose(0, 1).flatten(1, 2)
        logits = self.layers(side_by_side.contiguous(memory_format=torch.channels_last))
        return logits.unflatten(1, (self.size, -1)).transpose(0, 1).flatten(0, 1)  # type: ignore[no-any-return]


class _Linears(nn.Module):
    """`[B, G·F]` to `[B, G·O]`: the linear layers of G networks."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias for layer in layers])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        features = x.unflatten(1, (len(self.weight), -1)).transpose(0, 1)
        return torch.baddbmm(self.bias, features, self.weight).transpose(0, 1).flatten(1)


def stackable(models: Sequence[nn.Module]) -> bool:
    """Whether the networks are sequences of the same layers, all of kinds that `Stack` knows."""
    known = (*CHANNELWISE, nn.Conv2d, nn.BatchNorm2d, nn.Linear, nn.Flatten)
    return len({str(model) for model in models}) == 1 and (
        isinstance(models[0], nn.Sequential) and all(type(layer) in known for layer in models[0])
    )


def _layers(sequence: GraphModule) -> list[nn.Module]:
    return [sequence.get_submodule(str(node.target)) for node in sequence.graph.nodes if node.op == "call_module"]


def _merge(layers: Sequence[nn.Module]) -> nn.Module:
    first = layers[0]
    if isinstance(first, (*CHANNELWISE, nn.Flatten)):
        return first
    if isinstance(first, nn.Linear) and first.bias is not None:
        return _Linears(layers)  # type: ignore[arg-type]
    if not isinstance(first, nn.Conv2d):
        raise TypeError(f"{first} cannot be stacked")
    merged = nn.Conv2d(
        len(layers) * first.in_channels,
        len(layers) * first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        dilation=first.dilation,  # type: ignore[arg-type]
        groups=len(layers) * first.groups,
        bias=first.bias is not None,
        padding_mode=first.padding_mode,
        device="meta",
    )
    tensors = {name: torch.cat([layer.get_parameter(name) for layer in layers]) for name, _ in first.named_parameters()}
    merged.load_state_dict(tensors, assign=True)
    return SingleChannelConv(merged) if SingleChannelConv.fits(merged) else merged
