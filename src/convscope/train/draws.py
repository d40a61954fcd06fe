"""Random draws that depend on where in a run they are made, and on nothing that happened before."""

from __future__ import annotations

import hashlib

import torch

from convscope.errors import SettingError


def drawn_from(*numbers: int) -> torch.Generator:
    """A generator whose draws depend on these numbers only: seed, epoch, batch, and what is drawn."""
    digest = hashlib.sha256(repr(numbers).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def check_seed(seed: int) -> None:
    """Raise SettingError for a seed from which nothing can be drawn."""
    if seed < 0:
        raise SettingError(f"seed is {seed}; it must be 0 or above")
