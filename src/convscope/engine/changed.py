"""A value as it is under many occluders: windows of it, everything outside being as without an occluder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from convscope.engine.gather import Axes, Spans, cut_out, paste, positions_back, positions_first
from convscope.engine.spans import everything


@dataclass(frozen=True)
class Changed:
    """``values`` (n, …): windows of the value at ``spans`` along ``axes``; without spans, the whole of it."""

    values: Tensor
    axes: Axes = (2, 3)
    spans: Spans | None = None

    def whole(self, base: Tensor | None) -> Tensor:
        """The whole value, (n, *shape), where ``base`` (1, *shape) is the value without an occluder."""
        if self.spans is None:
            return self.values
        assert base is not None
        return wholes(base, [self])


def wholes(base: Tensor, parts: list[Changed]) -> Tensor:
    """The whole values of several batches in one, (n, *shape)."""
    axes = parts[0].axes
    maps = positions_first(base, axes)
    count = sum(len(part.values) for part in parts)
    full = maps.expand(count, *maps.shape[1:]).clone(memory_format=torch.contiguous_format)
    start = 0
    for part in parts:
        rows = full[start : start + len(part.values)]
        start += len(rows)
        changed = positions_first(part.values, axes)
        if part.spans is None:
            rows.copy_(changed)
        else:
            at = everything(len(rows), rows.shape[1]), everything(len(rows), rows.shape[2])
            paste(rows, at, changed, part.spans)
    return positions_back(full, axes)


Read = Callable[[Tensor | None, Changed], Tensor]
"""What is wanted of a node: (its value for the unoccluded image, how it changed) -> (n, …).

What comes whole comes without the former: None."""


def whole(base: Tensor | None, changed: Changed) -> Tensor:
    """All of the value, (n, *shape)."""
    return changed.whole(base)


def sums(base: Tensor | None, changed: Changed) -> Tensor:
    """Each feature map summed over its positions, (n, channels); paper, figure 7 b."""
    if changed.spans is None:
        return changed.values.sum(changed.axes)
    assert base is not None
    before = cut_out(positions_first(base, changed.axes), changed.spans)
    return base.sum(changed.axes) + (positions_first(changed.values, changed.axes) - before).sum((1, 2))


def value_at(unit: int, y: int, x: int) -> Read:
    """One activation of a feature map, (n,)."""

    def read(base: Tensor | None, changed: Changed) -> Tensor:
        if changed.spans is None:
            return changed.values[:, unit, y, x]
        assert base is not None
        one = Changed(changed.values[:, unit : unit + 1], changed.axes, changed.spans)
        return one.whole(base[:, unit : unit + 1])[:, 0, y, x]

    return read
