"""Weights that own code brings with it: the identity of a network whose function gives it trained."""

import hashlib

from torch import nn

from lit_adv.models.fingerprint import add_tensors

KIND = "tensors"
"""Start of such a checksum, `tensors:…`, which no file has."""


def identity(network: nn.Module) -> str:
    """Returns the checksum of a network's parameters and buffers: SHA-256 over their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    add_tensors(digest, network)
    return f"{KIND}:{digest.hexdigest()}"
