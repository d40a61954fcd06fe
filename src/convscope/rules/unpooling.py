"""Three ways back through max pooling.

Where windows overlap, one input can be the maximum of several of them. The paper does not say how these collide, so it
is a choice:

- ``sum``: add them up. The exact transpose of pooling by the recorded switches, and what backpropagation does.
- ``last``: the window that comes last in reading order wins. What `max_unpool` implementations do by accident, here in
  a fixed order.
- ``none``: forget the switches and spread each value evenly over its window (the transpose of average pooling).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.graph.geometry import pair
from convscope.graph.opgraph import OpNode
from convscope.rules.vjp import Tape


def _sum(tape: Tape, signal: Tensor) -> dict[str, Tensor]:
    return tape.transpose(signal)


def _last(tape: Tape, signal: Tensor) -> dict[str, Tensor]:
    """Keep, of all windows that share a maximum, only the last one's value; then there is nothing left to add up."""
    source = tape.values[tape.node.inputs[0]]
    return tape.transpose(signal * _come_last(switches(tape.node, source), source))


def _come_last(places: Tensor, source: Tensor) -> Tensor:
    """True for the windows that come last among those that share a maximum, shape of the pooled map."""
    flat = places.flatten(-2)
    windows = torch.arange(flat.shape[-1], device=flat.device).expand_as(flat)
    positions = source.shape[-2] * source.shape[-1]
    last = torch.full((*flat.shape[:-1], positions), -1, device=flat.device).scatter_reduce(-1, flat, windows, "amax")
    return (last.gather(-1, flat) == windows).reshape(places.shape)


def _none(tape: Tape, signal: Tensor) -> dict[str, Tensor]:
    name = tape.node.inputs[0]
    source = tape.values[name].detach()
    ones = torch.ones_like(source).requires_grad_()
    with torch.enable_grad():
        spread = _spread(tape.node, ones)
    (grad,) = torch.autograd.grad(spread, ones, signal, is_grads_batched=True)
    return {name: grad}


def switches(node: OpNode, source: Tensor) -> Tensor:
    """For each pooling window the flat position of its maximum, shape of the pooled map."""
    if node.op == "adaptive_max_pool2d":
        return F.adaptive_max_pool2d(source, node.argument("output_size"), return_indices=True)[1]
    return F.max_pool2d(source, *_geometry(node), return_indices=True)[1]


def _spread(node: OpNode, source: Tensor) -> Tensor:
    """The average over each window's inside; for a dilated window, over its taps."""
    if node.op == "adaptive_max_pool2d":
        return F.adaptive_avg_pool2d(source, node.argument("output_size"))
    kernel, stride, padding, dilation, _ = _geometry(node)
    height, width = node.shape[-2:] if node.shape is not None else (0, 0)
    channels = source.shape[1]
    taps = torch.ones(channels, 1, *kernel, dtype=source.dtype, device=source.device)
    # Enough room on the far side for a last window that ceil_mode lets hang over the border.
    reach = [
        (o - 1) * s + (k - 1) * d + 1 - p
        for o, s, k, d, p in zip((height, width), stride, kernel, dilation, padding, strict=True)
    ]
    pad = (padding[1], max(reach[1] - source.shape[-1], 0), padding[0], max(reach[0] - source.shape[-2], 0))

    def total(x: Tensor) -> Tensor:
        full = F.conv2d(F.pad(x, pad), taps, stride=stride, dilation=dilation, groups=channels)
        return full[..., :height, :width]

    return total(source) / total(torch.ones_like(source)).detach()


def _geometry(node: OpNode) -> tuple[list[int], list[int], list[int], list[int], bool]:
    """Kernel, stride, padding, dilation (rows, columns) and ceil_mode of a max pooling."""
    kernel = pair(node.argument("kernel_size"))
    return (
        kernel,
        pair(node.argument("stride") or kernel),
        pair(node.argument("padding", 0)),
        pair(node.argument("dilation", 1)),
        bool(node.argument("ceil_mode", False)),
    )


def tap_codes(node: OpNode, source: Tensor, unpool: str) -> Tensor:
    """Which tap of the kernel, in reading order, holds each window's maximum: integers, shape of the pooled map.

    The number of taps stands for a value that is dropped.
    """
    places = switches(node, source)
    (high, across), strides, padding, dilation = taps_of(node, source)
    rows = torch.arange(places.shape[-2], device=places.device)[:, None] * strides[0] - padding[0]
    columns = torch.arange(places.shape[-1], device=places.device) * strides[1] - padding[1]
    width = source.shape[-1]
    down, along = (places // width - rows) // dilation[0], (places % width - columns) // dilation[1]
    codes = down * across + along
    return codes if unpool == "sum" else codes.masked_fill(~_come_last(places, source), high * across)


def shares(node: OpNode, source: Tensor) -> Tensor:
    """What each tap of a window gets of its value where the switches are forgotten: shape (1, 1, rows, columns)."""
    ones = torch.ones_like(source[:1, :1])
    (down, across), strides, padding, dilation = taps_of(node, source)
    rows, columns = (
        _inside(count, kernel, stride, before, apart, length)
        for count, kernel, stride, before, apart, length in zip(
            (node.shape or ())[-2:], (down, across), strides, padding, dilation, source.shape[-2:], strict=True
        )
    )
    return ones.new_tensor(1.0) / (rows[:, None] * columns).to(ones)[None, None]


def _inside(count: int, kernel: int, stride: int, padding: int, dilation: int, length: int) -> Tensor:
    """Number of taps of each window that lie inside an axis."""
    places = torch.arange(count)[:, None] * stride - padding + torch.arange(kernel) * dilation
    return ((places >= 0) & (places < length)).sum(1)


def taps_of(node: OpNode, source: Tensor) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, stride, padding and dilation (rows, columns); adaptive pooling only where the sizes divide."""
    if node.op == "adaptive_max_pool2d":
        kernel = [size // result for size, result in zip(source.shape[-2:], (node.shape or ())[-2:], strict=True)]
        return kernel, kernel, [0, 0], [1, 1]
    return _geometry(node)[:4]


UNPOOLINGS: Mapping[str, Callable[[Tape, Tensor], dict[str, Tensor]]] = {
    "sum": _sum,
    "last": _last,
    "none": _none,
}
