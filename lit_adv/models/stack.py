"""Many networks of one architecture as one."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, symbolic_trace

from lit_adv.models.fast import SingleChannelConv, folded

CHANNELWISE: Final = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity, nn.ZeroPad2d, nn.Dropout)
"""Layers that treat each channel by itself, and so need no change in a stack."""


class Stack(nn.Module):
    """Several networks of one architecture as one, with grouped convolutions.

    Its input is `[G·B, C, H, W]`: B images for the first of G networks, then B for the second and so on. Its output is
    `[G·B, K]`. Small batches of small networks cost less this way, with fewer and larger operations.

    Args:
        models: networks in evaluation mode; see `stackable`.

    Raises:
        TypeError: the networks cannot be stacked.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        if not stackable(models):
            raise TypeError("only nn.Sequential networks of the same known layers can be stacked")
        self.size = len(models)
        columns = zip(*(_layers(folded(symbolic_trace(model))) for model in models), strict=True)
        self.layers = nn.Sequential(*(_merge(column) for column in columns))
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        side_by_side = images.unflatten(0, (self.size, -1)).transpose(0, 1).flatten(1, 2)
        logits = self.layers(side_by_side.contiguous(memory_format=torch.channels_last))
        return logits.unflatten(1, (self.size, -1)).transpose(0, 1).flatten(0, 1)  # type: ignore[no-any-return]


class _Linears(nn.Module):
    """Linear layers of G networks as one, from `[B, G·F]` to `[B, G·O]`."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.T for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias for layer in layers])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        features = x.unflatten(1, (len(self.weight), -1)).transpose(0, 1)
        return torch.baddbmm(self.bias, features, self.weight).transpose(0, 1).flatten(1)


def stackable(models: Sequence[nn.Module]) -> bool:
    """Tells whether the networks are sequences of the same layers, all of kinds that `Stack` knows."""
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
