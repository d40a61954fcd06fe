"""A name for a set of weights that depends on nothing but the weights."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from convscope.errors import ModelError


def digest_of(module: nn.Module) -> str:
    """SHA-256 (hex) over the class name and the name, dtype, shape and bytes of each entry, sorted by name.

    Same value on every device, in every process. Raises ModelError for parameters that have no shape yet.
    """
    total = hashlib.sha256(_framed(type(module).__name__))
    for name, entry in sorted(module.state_dict().items()):
        if is_lazy(entry):
            raise ModelError(
                f"parameter {name!r} is lazy: it has no shape before the first forward pass. "
                "Run the module once on an example input before handing it over."
            )
        if isinstance(entry, Tensor):  # the rest is a module's own bookkeeping ("_extra_state")
            total.update(_framed(name, str(entry.dtype), str(tuple(entry.shape))))
            total.update(_bytes(entry))
    return total.hexdigest()


def _framed(*words: str) -> bytes:
    # Lengths first, so that no two different lists of words give the same bytes.
    encoded = [word.encode() for word in words]
    return b"".join(len(word).to_bytes(8, "little") + word for word in encoded)


def _bytes(entry: Tensor) -> bytes:
    # Through uint8, because numpy knows no bfloat16.
    return entry.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
