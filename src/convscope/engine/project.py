"""Projection: one activation carried down to the pixels that caused it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.display import display_scale, to_picture, to_png
from convscope.engine.allowance import allowed
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, check_inside, find_layers
from convscope.engine.spans import Span
from convscope.engine.topdown import Signal, descend, whole
from convscope.engine.trace import Trace, trace
from convscope.errors import CoverageError, NumberError
from convscope.graph.opgraph import INPUT
from convscope.models import Model
from convscope.rules.coverage import coverage
from convscope.rules.projection import METHODS
from convscope.rules.unpooling import UNPOOLINGS
from convscope.units import UnitAddress

Place = tuple[int, int, int]
"""Unit, row and column of one activation."""
Positions = NDArray[np.int64]
Item = TypeVar("Item")


@dataclass(frozen=True)
class Way:
    """How to go down: a method's name (never ``auto``) and an unpooling's."""

    method: str
    unpool: str = "sum"

    def __post_init__(self) -> None:
        for name, value, known in (("method", self.method, METHODS), ("unpool", self.unpool, UNPOOLINGS)):
            if value not in known:
                raise CoverageError(f"unknown {name} {value!r}; choose one of: {', '.join(known)}")


@dataclass(frozen=True)
class PixelProjection:
    """A unit's projection for one picture; in a notebook it shows itself.

    ``pixels`` float32 (height, width, channels), signed; ``view`` uint8 of the same size: what the model saw;
    ``window`` (top, left, bottom, right): the unit's receptive field, clipped to the image.
    """

    unit: UnitAddress
    value: float
    method: str
    pixels: NDArray[np.float32]
    view: NDArray[np.uint8]
    window: tuple[int, int, int, int]

    def _repr_png_(self) -> bytes:
        return to_png(to_picture(self.pixels, display_scale([self.pixels])))


def project(
    model: Model,
    picture: NDArray[np.uint8],
    unit: str | UnitAddress,
    *,
    method: str = "auto",
    unpool: str = "sum",
    device: str = "cpu",
) -> PixelProjection:
    """Project one unit's activation for one picture, uint8 (height, width, channels) of any size.

    Without a position in the address, the unit's strongest activation is taken (the first of equals). Only that one
    activation is kept and goes down with its value (paper, section 2.1). Raises AddressError, CoverageError, ImageError
    and NumberError.
    """
    address = unit if isinstance(unit, UnitAddress) else UnitAddress.parse(unit)
    graph = graph_of(model, device)
    (layer,) = find_layers(graph, [address.layer])
    report = coverage(graph, [layer.node], method)
    report.check()
    way = Way(report.method, unpool)
    view = model.preprocessing.view(np.asarray(picture))
    recorded = trace(graph, model.preprocessing.normalise(torch.from_numpy(view)[None]), layer.node)
    y, x = _position(recorded, layer, address)
    value = float(recorded.values[layer.node][0, address.unit, y, x])
    (pixels,) = project_units(recorded, layer, [(address.unit, y, x)], way)
    if not (np.isfinite(value) and np.isfinite(pixels).all()):
        raise NumberError(
            f"layer {layer.address!r}, unit {address.unit}: the activation or its projection is NaN or infinite. Look "
            "for NaN in the weights, and check how the model is normalised"
        )
    whole = UnitAddress(layer.address, address.unit, (y, x))
    return PixelProjection(whole, value, report.method, pixels, view, window_of(layer, y, x, view.shape[:2]))


def project_units(recorded: Trace, layer: Layer, places: Sequence[Place], way: Way) -> Iterator[NDArray[np.float32]]:
    """The projections of (unit, y, x) ``places`` of one layer, each float32 (height, width, channels), in order."""
    value = recorded.values[layer.node]
    for some in _chunks(recorded, layer, places):
        signals = value.new_zeros(len(some), value.shape[1])
        units, rows, columns = np.asarray(some).T
        signals[range(len(some)), units] = value[0, units, rows, columns]
        yield from _descended(recorded, layer, signals, (rows, columns), way)


def project_signals(
    recorded: Trace, layer: Layer, signals: Tensor, position: tuple[int, int], way: Way
) -> Iterator[NDArray[np.float32]]:
    """The projections of any signals (n, units) at one position of a layer, float32 (height, width, channels) each.

    Where a projection carries one activation down, this carries down whatever is asked, whether the image gave rise to
    it or not.
    """
    for some in _chunks(recorded, layer, range(len(signals))):
        rows, columns = (np.full(len(some), number, np.int64) for number in position)
        yield from _descended(recorded, layer, signals[list(some)], (rows, columns), way)


def _descended(
    recorded: Trace, layer: Layer, signals: Tensor, at: tuple[Positions, Positions], way: Way
) -> Iterator[NDArray[np.float32]]:
    """Each signal (units) of its own position, carried down together."""
    rows, columns = at
    start = Signal(signals[:, :, None, None], (2, 3), (Span(rows, 1), Span(columns, 1)))
    landed = descend(recorded, layer.node, start, METHODS[way.method], way.unpool)
    pixels = whole(recorded, INPUT, landed).values[:, 0]
    yield from pixels.permute(0, 2, 3, 1).float().cpu().numpy()


def window_of(layer: Layer, y: int, x: int, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The receptive field of a position, clipped to an image of ``size``: (top, left, bottom, right)."""
    rows, columns = layer.rows.window(y).clip(size[0]), layer.columns.window(x).clip(size[1])
    return rows.start, columns.start, rows.stop, columns.stop


def _chunks(recorded: Trace, layer: Layer, places: Sequence[Item]) -> Iterator[Sequence[Item]]:
    widest = max(v.nbytes for v in recorded.values.values() if isinstance(v, Tensor) and v.dim() == 4 and len(v) == 1)
    image = recorded.values[INPUT].shape[2:]
    parts = [min(1.0, field.size / length) for field, length in zip((layer.rows, layer.columns), image, strict=True)]
    share = 1.0 if layer.gated else parts[0] * parts[1]
    size = max(1, int(allowed().signals / (widest * share)))  # a few times this is in use at once
    return (places[i : i + size] for i in range(0, len(places), size))


def _position(recorded: Trace, layer: Layer, address: UnitAddress) -> tuple[int, int]:
    check_inside(layer, address)
    if address.position is None:
        place = int(recorded.values[layer.node][0, address.unit].flatten().argmax())
        return divmod(place, layer.width)
    return address.position
