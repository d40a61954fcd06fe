"""Random initial weights that are the same in every process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def reproducible(seed: int = 0) -> Iterator[None]:
    """Inside, PyTorch draws the same numbers every time; the caller's own sequence goes on undisturbed."""
    # devices=[] and the default generator: torch.manual_seed would reseed accelerators, which nothing
    # restores.
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        yield
