"""Faster forms of models: folded, channels last, in reduced precision."""

from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.fx import GraphModule, Node, symbolic_trace
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lit_adv.logits import call, logits_of, refuse_training
from lit_adv.models.programs import Program

SAME: Final = (1e-3, 0.05)
"""Largest differences of logits and of gradients, as shares of their norms, that folding makes in float32."""


def fast_form(model: nn.Module, example: Tensor | None = None) -> nn.Module:
    """Returns a quicker form of the same function of images `[B, C, H, W]`.

    In float32 single elements of its gradient can differ. Batch normalisation is folded into the convolutions. A ReLU
    before a maximum goes behind it, where it has fewer values to treat and the same result. Convolutions of single
    channels get the gradient of `SingleChannelConv`. Memory is laid out channels last. A network whose steps depend on
    values, which torch.fx cannot trace, keeps its batch normalisation and its layout; with an example only those parts
    of it that cannot be traced keep theirs.

    Args:
        model: model in evaluation mode; it is not changed.
        example: images on which forms are compared with the model: the first that agrees is taken, else the model as it
            is. For code that nobody here has seen: tracing follows one path through it, and its parts may be used in
            other ways than by calling them.

    Raises:
        InputError: it is in training mode.
    """
    refuse_training(model)
    if any(isinstance(part, (Program, torch.jit.ScriptModule)) for part in model.modules()):
        return model  # what was compiled stays so
    forms = _forms(model, seen=example is None)
    return next((form for form in forms if example is None or _agree(form, model, example)), model)


def _forms(model: nn.Module, seen: bool) -> Iterator[nn.Module]:
    """Yields quicker forms of a model, the quickest first; `seen` says that its code is known here."""
    try:
        traced = symbolic_trace(model)
    except Exception:  # some (DiCENet, MixNet, TensorFlow's EfficientNets) ask for values while they run
        if (copied := _copied(model)) is model:
            return
        if not seen:
            yield _laid_out(_folded_parts(copied), torch.channels_last)
        yield _laid_out(_copied(model), torch.contiguous_format)
    else:
        yield _laid_out(folded(traced), torch.channels_last)


def _folded_parts(model: nn.Module) -> nn.Module:
    """Folds, in place, the largest parts of a model that can be traced."""
    for name, part in list(model.named_children()):
        if not any(True for _ in part.children()):
            continue
        try:
            form: nn.Module = folded(symbolic_trace(part))
        except Exception:  # lists of layers, too, have no steps of their own
            form = _folded_parts(part)
        model.set_submodule(name, form)
    return model


def _laid_out(model: nn.Module, layout: torch.memory_format) -> nn.Module:
    """Finishes a form in place: the convolutions of single channels, frozen, in a memory layout."""
    for name, layer in list(model.named_modules()):
        if SingleChannelConv.fits(layer):
            model.set_submodule(name, SingleChannelConv(layer))
    return model.eval().requires_grad_(False).to(memory_format=layout)


def _copied(model: nn.Module) -> nn.Module:
    """Copies a model, if it can be copied."""
    try:
        return deepcopy(model)
    except Exception:  # own code may hold what cannot be
        return model


def _agree(fast: nn.Module, model: nn.Module, images: Tensor) -> bool:
    """Tells whether two forms of a model give the same logits, and the same gradient, but for rounding."""
    expected = _answers(model, images)
    try:
        found = _answers(fast, images)
    except Exception:  # what was traced may not run
        return False
    differences = [(a - b).norm() <= most * b.norm() for a, b, most in zip(found, expected, SAME, strict=True)]
    return all(bool(small) for small in differences)


def _answers(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Returns logits `[B, K]` and the gradient `[B, C, H, W]` of a weighted sum of them, 0 where there is none."""
    with torch.inference_mode(False), torch.enable_grad():
        images = images.clone().requires_grad_()
        logits = logits_of(call(model, images), len(images))
        if not logits.requires_grad:
            return logits, torch.zeros_like(images)
        total = (logits * torch.linspace(-1, 1, logits.shape[1], device=logits.device).to(logits)).sum()
        return logits.detach(), torch.autograd.grad(total, images)[0]


def folded(traced: GraphModule) -> GraphModule:
    """Folds batch normalisation into convolutions, and swaps each ReLU with the maximum that follows it.

    Args:
        traced: network in evaluation mode; it is not changed.
    """
    merged = deepcopy(traced)
    modules = dict(merged.named_modules())

    def pairs() -> Iterator[tuple[Node, Node, nn.Module | None, nn.Module | None]]:
        """Yields each node with a single user, that user, and the layers of both."""
        for node in merged.graph.nodes:
            if len(node.users) == 1:
                (after,) = node.users
                yield node, after, modules.get(str(node.target)), modules.get(str(after.target))

    uses = Counter(str(node.target) for node in merged.graph.nodes if node.op == "call_module")
    read = {str(node.target).rpartition(".")[0] for node in merged.graph.nodes if node.op == "get_attr"}
    for node, after, conv, norm in pairs():
        alone = uses[str(node.target)] == 1 and str(node.target) not in read  # else folding changes its other uses too
        if alone and type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d and norm.track_running_stats:
            merged.set_submodule(str(node.target), fuse_conv_bn_eval(conv, norm))
            after.replace_all_uses_with(node)
            merged.graph.erase_node(after)
    for node, after, relu, pool in pairs():
        seen_by_others = (
            isinstance(relu, nn.ReLU) and relu.inplace and any(len(n.users) > 1 for n in node.all_input_nodes)
        )
        if type(relu) is nn.ReLU and type(pool) is nn.MaxPool2d and not pool.return_indices and not seen_by_others:
            node.target, after.target = after.target, node.target
    for node in merged.graph.nodes:
        if node.op == "call_method" and node.target == "view":
            node.target = "reshape"  # a view of channels that come last need not exist
    return GraphModule(merged, merged.graph)


class SingleChannelConv(nn.Module):
    """Convolution whose outputs see one input channel each, with a quicker gradient of its input.

    Such a layer is the first of a network for grey images. torch treats it as the general case, whose gradient can take
    longer than the rest of a small network. Here each output's gradient is convolved by itself, and the results are
    added up.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    @staticmethod
    def fits(layer: nn.Module) -> bool:
        """Tells whether a layer is such a convolution, with zero padding and without stride or dilation."""
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


class BFloat16Model(nn.Module):
    """Model in bfloat16 for a caller in float32: images, logits and gradients are float32 outside.

    The model sees images rounded to 8 significant bits.

    Args:
        model: model that is converted in place.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.to(torch.bfloat16)
        self.train(model.training)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images.to(torch.bfloat16)).float()
        return logits


def has_bf16(device: torch.device) -> bool:
    """Tells whether a device computes in bfloat16 natively; others do so slower than in float32.

    For the CPU it asks two private functions of torch: the public `torch.cpu.get_capabilities` is newer than the oldest
    torch that this project runs with.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
