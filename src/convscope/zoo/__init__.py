"""The architectures of the papers, exact to the parameter, and small forms of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from convscope.zoo.alexnet import ALEXNET, ALEXNET_DENSE, ALEXNET_SMALL
from convscope.zoo.architecture import Architecture, build
from convscope.zoo.zfnet import ZFNET, ZFNET_SMALL

ARCHITECTURES = {
    "alexnet": ALEXNET,
    "alexnet-dense": ALEXNET_DENSE,
    "alexnet-small": ALEXNET_SMALL,
    "zfnet": ZFNET,
    "zfnet-small": ZFNET_SMALL,
}
"""Name in the zoo to architecture."""


def factory(architecture: Architecture) -> Callable[..., nn.Sequential]:
    """What makes untrained networks: ``make(num_classes=1000, in_channels=…, dropout=0.5)``."""

    def make(*, num_classes: int = 1000, in_channels: int | None = None, dropout: float | None = None) -> nn.Sequential:
        channels = architecture.channels if in_channels is None else in_channels
        hidden = (h if dropout is None else replace(h, dropout=dropout) for h in architecture.hidden)
        return build(replace(architecture, channels=channels, hidden=tuple(hidden)), num_classes)

    return make


alexnet, alexnet_dense, zfnet = factory(ALEXNET), factory(ALEXNET_DENSE), factory(ZFNET)

__all__ = ["ALEXNET", "ARCHITECTURES", "ZFNET", "ZFNET_SMALL", "alexnet", "alexnet_dense", "build", "factory", "zfnet"]
