"""Where pictures are compared: in each image one place of a layer, and the units that answer most there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from convscope.engine.forward import prepare
from convscope.engine.layers import Layer
from convscope.errors import NumberError
from convscope.finite import is_finite
from convscope.graph.opgraph import OpGraph


@dataclass(frozen=True)
class Spot:
    """A place of a layer in one image, and active units there, strongest first; there may be none.

    ``elsewhere`` is, for each unit, the next image in which it is active at the same place; None if there is none.
    """

    y: int
    x: int
    units: tuple[int, ...]
    elsewhere: tuple[int | None, ...]


def find_spots(
    graph: OpGraph, layers: Sequence[Layer], images: Tensor, units: int, names: Sequence[str] = ()
) -> dict[str, tuple[Spot, ...]]:
    """For each layer, by address, the spot of each of ``images``, float (n, channels, height, width).

    ``names`` are what messages call them.

    Activations are counted in parts of the unit's largest in these images, so that loud units do not decide alone.
    The place is where those above zero add up to most; there the ``units`` strongest are taken. Raises NumberError for
    activations that are NaN or infinite.
    """
    found: dict[str, tuple[Spot, ...]] = {}
    named = {layer.node: layer for layer in layers}
    forward = prepare(graph, list(named), images.device)

    def visit(name: str, value: Tensor) -> None:
        found[named[name].address] = _spots_of(named[name], value, units, names)

    forward(images, visit)
    return found


def _spots_of(layer: Layer, value: Tensor, units: int, names: Sequence[str]) -> tuple[Spot, ...]:
    active = value.clamp_min(0).float()
    if not is_finite(active):
        bad = int((~torch.isfinite(active)).flatten(1).any(1).nonzero()[0])
        called = repr(names[bad]) if names else f"number {bad}"
        raise NumberError(
            f"layer {layer.address!r} gives NaN or infinity for the image {called}. Look for NaN in the weights, and "
            "check how the model is normalised"
        )
    largest = active.amax((0, 2, 3), keepdim=True)
    part = active / torch.where(largest > 0, largest, 1)
    return tuple(_spot(part, image, units) for image in range(len(part)))


def _spot(part: Tensor, image: int, units: int) -> Spot:
    y, x = divmod(int(part[image].sum(0).argmax()), part.shape[3])
    here = part[:, :, y, x]
    strongest = here[image].argsort(descending=True, stable=True)[:units].tolist()
    chosen = tuple(unit for unit in strongest if here[image, unit] > 0)
    return Spot(y, x, chosen, tuple(_next_image(here[:, unit], image) for unit in chosen))


def _next_image(values: Tensor, image: int) -> int | None:
    """The first image after ``image``, going round, in which a value is above zero."""
    others = [(image + step) % len(values) for step in range(1, len(values))]
    return next((other for other in others if values[other] > 0), None)
