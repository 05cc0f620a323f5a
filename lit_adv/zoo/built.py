"""Weights that own code brings with it: the identity of a network whose function gives it trained."""

import hashlib
from itertools import chain

import torch
from torch import nn

KIND = "tensors"
"""Start of such a checksum, `tensors:…`, which no file has."""


def identity(network: nn.Module) -> str:
    """Returns the checksum of a network's parameters and buffers: SHA-256 over their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(chain(network.named_parameters(), network.named_buffers())):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return f"{KIND}:{digest.hexdigest()}"
