"""Unpooling on windows: the taps of the kernel one after the other, each a strided copy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from convscope.engine.windowtape import WindowTape, at_windows
from convscope.graph.opgraph import OpNode
from convscope.rules.unpooling import shares, tap_codes, taps_of

Pair = tuple[int, int]


@dataclass(frozen=True)
class Taps:
    """How a pooling op of one image unpools: to the tap that ``codes`` names, or to all of them, each its ``share``."""

    kernel: Pair
    stride: Pair
    dilation: Pair
    codes: Tensor | None
    """As floats: a product with 0 and 1 takes a fifth of the time of a choice by a mask of bool."""
    share: Tensor | None

    @property
    def tiles(self) -> bool:
        """True if every position belongs to exactly one tap of one window."""
        return self.kernel == self.stride and self.dilation == (1, 1)

    def positions(self, tap: int, size: Pair) -> tuple[slice, slice]:
        """Where one tap of ``size`` windows lies."""
        places = divmod(tap, self.kernel[1])
        starts = [place * dilation for place, dilation in zip(places, self.dilation, strict=True)]
        rows, columns = (
            slice(start, start + (count - 1) * stride + 1, stride)
            for start, count, stride in zip(starts, size, self.stride, strict=True)
        )
        return rows, columns


def taps(node: OpNode, source: Tensor, unpool: str) -> Taps:
    """What unpooling needs to know of one op for one image, whose pooled map is ``source``."""
    kernel, stride, _, dilation = ((values[0], values[1]) for values in taps_of(node, source))
    if unpool == "none":
        return Taps(kernel, stride, dilation, None, shares(node, source))
    codes = tap_codes(node, source, unpool).to(source).contiguous(memory_format=torch.channels_last)
    return Taps(kernel, stride, dilation, codes, None)


def unpool(found: Taps, tape: WindowTape, signal: Tensor) -> dict[str, Tensor]:
    """Back through max pooling: ``signal`` (units, channels, *window) -> the windows of the map that was pooled."""
    (name,) = tape.live
    if found.share is not None:
        signal = signal * at_windows(found.share.to(signal), (2, 3), tape.spans)
    codes = None if found.codes is None else at_windows(found.codes, (2, 3), tape.spans)
    here = None if codes is None else torch.empty_like(codes)
    down = _room(found, tape, signal)
    for tap in range(found.kernel[0] * found.kernel[1]):
        rows, columns = found.positions(tap, tape.size)
        target = down[:, :, rows, columns]
        if codes is None:
            target.add_(signal)
        elif found.tiles:
            torch.mul(signal, torch.eq(codes, tap, out=here), out=target)
        else:
            target.addcmul_(signal, torch.eq(codes, tap, out=here))
    return {name: down}


def _room(found: Taps, tape: WindowTape, signal: Tensor) -> Tensor:
    """The windows to fill, channels last in memory; empty where every number will be written anyway."""
    height, width = (
        (count - 1) * stride + (kernel - 1) * dilation + 1
        for count, stride, kernel, dilation in zip(tape.size, found.stride, found.kernel, found.dilation, strict=True)
    )
    make = signal.new_empty if found.tiles and found.codes is not None else signal.new_zeros
    return make(len(signal), height, width, signal.shape[1]).movedim(3, 1)
