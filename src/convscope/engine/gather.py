"""Cutting windows out of maps and pasting them in, all windows of a batch at once.

Here tensors have their positions in front: (n, rows, columns, …), so that a position's numbers lie side by side in
memory. For maps in the channels-last format that is only another view of them.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.engine.spans import Span

Axes = tuple[int, int]
Spans = tuple[Span, Span]
"""Rows and columns."""


def positions_first(value: Tensor, axes: Axes) -> Tensor:
    """A view with rows and columns right behind the batch."""
    return value.movedim(axes, (1, 2))


def positions_back(value: Tensor, axes: Axes) -> Tensor:
    """The view with rows and columns where they belong."""
    return value.movedim((1, 2), axes)


def with_border(value: Tensor, spans: Spans, outside: float) -> tuple[Tensor, Spans]:
    """``value`` (1, rows, columns, …) with as much border as windows need, and the windows counted from there."""
    margins = [_margins(span, length) for span, length in zip(spans, value.shape[1:3], strict=True)]
    moved = (
        Span(spans[0].starts + margins[0][0], spans[0].size),
        Span(spans[1].starts + margins[1][0], spans[1].size),
    )
    if not any(margins[0] + margins[1]):
        return value, moved
    behind = [0, 0] * (value.dim() - 3)
    return F.pad(value, [*behind, *margins[1], *margins[0]], value=outside), moved


def _margins(span: Span, length: int) -> tuple[int, int]:
    before, after = -int(span.starts.min()), int(span.starts.max()) + span.size - length
    return max(before, 0), max(after, 0)


def cut_out(value: Tensor, spans: Spans) -> Tensor:
    """Windows (n, height, width, …) of one map ``value`` (1, rows, columns, …)."""
    index = _index(spans, value.shape[2], value.device)
    found = value.reshape(-1, *value.shape[3:]).index_select(0, index.flatten())
    return found.view(*index.shape, *value.shape[3:])


def _index(spans: Spans, width: int, device: torch.device) -> Tensor:
    """Place of each position of each window in reading order, (n, height, width)."""
    rows, columns = (
        torch.from_numpy(span.starts).to(device)[:, None] + torch.arange(span.size, device=device) for span in spans
    )
    return rows[:, :, None] * width + columns[:, None, :]


def paste(into: Tensor, into_spans: Spans, part: Tensor, part_spans: Spans, *, add: bool = False) -> None:
    """Put windows ``part`` (n, height, width, …) over those of ``into``, where both are; or add them to it."""
    down, across = (p.starts - i.starts for p, i in zip(part_spans, into_spans, strict=True))
    changes = np.flatnonzero(np.diff(down) | np.diff(across)) + 1
    for start, stop in pairwise([0, *changes.tolist(), len(down)]):
        _paste_run(into[start:stop], part[start:stop], (int(down[start]), int(across[start])), add)


def _paste_run(into: Tensor, part: Tensor, offset: tuple[int, int], add: bool) -> None:
    """Neighbours in a batch mostly lie alike, and then one copy does for all of them."""
    for axis, first in enumerate(offset, start=1):
        low, high = max(first, 0), min(first + part.shape[axis], into.shape[axis])
        if high <= low:
            return
        into, part = into.narrow(axis, low, high - low), part.narrow(axis, low - first, high - low)
    into.add_(part) if add else into.copy_(part)
