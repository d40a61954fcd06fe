"""The value that every later stage starts from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from convscope.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class Model:
    """A network that is ready to be looked at, with what it takes to feed it and to read its outputs."""

    spec: str
    """As given by the user; ``module:ClassName`` for a module object."""

    module: nn.Module
    """A private copy in eval mode whose parameters take no gradient."""

    preprocessing: Preprocessing
    """How a picture becomes the model's input."""

    classes: tuple[str, ...]
    """Names of the outputs where the source states them, else empty."""

    digest: str
    """SHA-256 (hex) of the architecture's class name and of every entry of the state dict."""

    notes: tuple[str, ...]
    """What the user must know, e.g. that the weights are random."""
